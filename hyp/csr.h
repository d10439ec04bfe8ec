/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields and codes of the CSRs that portable code computes with (Privileged ISA, "Supervisor-Level
 * ISA" and "Hypervisor Extension"). Numbers only: reading and writing them is hw.h's business.
 */
#pragma once

/* sstatus and vsstatus */
#define SSTATUS_SIE    (1ULL << 1)
#define SSTATUS_SPIE   (1ULL << 5)
#define SSTATUS_UBE    (1ULL << 6)
#define SSTATUS_SPP    (1ULL << 8)
#define SSTATUS_VS     (3ULL << 9)
#define SSTATUS_FS     (3ULL << 13)
#define SSTATUS_XS     (3ULL << 15)
#define SSTATUS_SUM    (1ULL << 18)
#define SSTATUS_MXR    (1ULL << 19)
#define SSTATUS_SPELP  (1ULL << 23)
#define SSTATUS_UXL    (3ULL << 32)
#define SSTATUS_UXL_64 (2ULL << 32)
#define SSTATUS_SD     (1ULL << 63)

/* Values of FS and VS, in place: multiply by the field's lowest bit. */
#define EXT_OFF		 0ULL
#define EXT_INITIAL	 1ULL
#define EXT_CLEAN	 2ULL
#define EXT_DIRTY	 3ULL
#define SSTATUS_FS_SHIFT 13
#define SSTATUS_VS_SHIFT 9

/* hstatus */
#define HSTATUS_VSBE	(1ULL << 5)
#define HSTATUS_GVA	(1ULL << 6)
#define HSTATUS_SPV	(1ULL << 7)
#define HSTATUS_SPVP	(1ULL << 8)
#define HSTATUS_HU	(1ULL << 9)
#define HSTATUS_VTVM	(1ULL << 20)
#define HSTATUS_VTW	(1ULL << 21)
#define HSTATUS_VTSR	(1ULL << 22)
#define HSTATUS_VSXL_64 (2ULL << 32)

/* henvcfg */
#define HENVCFG_FIOM (1ULL << 0)
/* CBIE: 1 makes CBO.INVAL a flush, 3 lets it invalidate. */
#define HENVCFG_CBIE_FLUSH (1ULL << 4)
#define HENVCFG_CBIE	   (3ULL << 4)
#define HENVCFG_CBCFE	   (1ULL << 6)
#define HENVCFG_CBZE	   (1ULL << 7)
#define HENVCFG_ADUE	   (1ULL << 61)
#define HENVCFG_PBMTE	   (1ULL << 62)
#define HENVCFG_STCE	   (1ULL << 63)

/* hstateen0 (Privileged ISA, "State Enable Extensions") */
#define HSTATEEN0_C	  (1ULL << 0)
#define HSTATEEN0_FCSR	  (1ULL << 1)
#define HSTATEEN0_JVT	  (1ULL << 2)
#define HSTATEEN0_CTR	  (1ULL << 54)
#define HSTATEEN0_CONTEXT (1ULL << 57)
#define HSTATEEN0_CSRIND  (1ULL << 60)
#define HSTATEEN0_ENVCFG  (1ULL << 62)
#define HSTATEEN0_SE0	  (1ULL << 63)

/* hgatp */
#define HGATP_MODE_SHIFT 60
#define HGATP_VMID_SHIFT 44
#define HGATP_PPN_MASK	 ((1ULL << 44) - 1)

/* Interrupt bits of hvip, hip, hideleg; the VS ones are a place above the S ones. */
#define IRQ_S_SOFT   1
#define IRQ_VS_SOFT  2
#define IRQ_S_TIMER  5
#define IRQ_VS_TIMER 6
#define IRQ_S_EXT    9
#define IRQ_VS_EXT   10
#define HVIP_VSSIP   (1ULL << IRQ_VS_SOFT)
#define HVIP_VSTIP   (1ULL << IRQ_VS_TIMER)
#define HVIP_VSEIP   (1ULL << IRQ_VS_EXT)

/* scause */
#define CAUSE_INTERRUPT		     (1ULL << 63)
#define CAUSE_FETCH_MISALIGNED	     0
#define CAUSE_FETCH_ACCESS	     1
#define CAUSE_ILLEGAL_INSTRUCTION    2
#define CAUSE_BREAKPOINT	     3
#define CAUSE_LOAD_MISALIGNED	     4
#define CAUSE_LOAD_ACCESS	     5
#define CAUSE_STORE_MISALIGNED	     6
#define CAUSE_STORE_ACCESS	     7
#define CAUSE_ECALL_U		     8
#define CAUSE_ECALL_S		     9
#define CAUSE_ECALL_VS		     10
#define CAUSE_FETCH_PAGE_FAULT	     12
#define CAUSE_LOAD_PAGE_FAULT	     13
#define CAUSE_STORE_PAGE_FAULT	     15
#define CAUSE_SOFTWARE_CHECK	     18
#define CAUSE_HARDWARE_ERROR	     19
#define CAUSE_FETCH_GUEST_PAGE_FAULT 20
#define CAUSE_LOAD_GUEST_PAGE_FAULT  21
#define CAUSE_VIRTUAL_INSTRUCTION    22
#define CAUSE_STORE_GUEST_PAGE_FAULT 23
