# SPDX-License-Identifier: BSD-2-Clause
"""Names of CSRs (Privileged ISA, "CSR Listing", and the extensions that add some), and what the
number of a CSR says about it."""

NAMES = {
    0x001: "fflags", 0x002: "frm", 0x003: "fcsr", 0x008: "vstart", 0x009: "vxsat", 0x00a: "vxrm",
    0x00f: "vcsr", 0x011: "ssp", 0x015: "seed", 0x017: "jvt",
    0xc00: "cycle", 0xc01: "time", 0xc02: "instret", 0xc20: "vl", 0xc21: "vtype", 0xc22: "vlenb",
    0x100: "sstatus", 0x104: "sie", 0x105: "stvec", 0x106: "scounteren", 0x10a: "senvcfg",
    0x10c: "sstateen0", 0x120: "scountinhibit", 0x140: "sscratch", 0x141: "sepc", 0x142: "scause",
    0x143: "stval", 0x144: "sip", 0x14d: "stimecmp", 0x14e: "sctrctl", 0x14f: "sctrstatus",
    0x150: "siselect", 0x151: "sireg", 0x15c: "stopei", 0x15f: "sctrdepth", 0x180: "satp",
    0x181: "srmcfg", 0x5a8: "scontext", 0xda0: "scountovf", 0xdb0: "stopi",
    0x200: "vsstatus", 0x204: "vsie", 0x205: "vstvec", 0x240: "vsscratch", 0x241: "vsepc",
    0x242: "vscause", 0x243: "vstval", 0x244: "vsip", 0x24d: "vstimecmp", 0x24e: "vsctrctl",
    0x250: "vsiselect", 0x280: "vsatp",
    0x600: "hstatus", 0x602: "hedeleg", 0x603: "hideleg", 0x604: "hie", 0x605: "htimedelta",
    0x606: "hcounteren", 0x607: "hgeie", 0x60a: "henvcfg", 0x60c: "hstateen0", 0x643: "htval",
    0x644: "hip", 0x645: "hvip", 0x64a: "htinst", 0x680: "hgatp", 0xe12: "hgeip",
    0x300: "mstatus", 0x301: "misa", 0x302: "medeleg", 0x303: "mideleg", 0x304: "mie",
    0x305: "mtvec", 0x306: "mcounteren", 0x309: "mvip", 0x30a: "menvcfg", 0x30c: "mstateen0",
    0x320: "mcountinhibit", 0x340: "mscratch", 0x341: "mepc", 0x342: "mcause", 0x343: "mtval",
    0x344: "mip", 0x34a: "mtinst", 0x34b: "mtval2", 0x747: "mseccfg", 0xb00: "mcycle",
    0xb02: "minstret", 0xfb0: "mtopi",
}
NUMBERS = {name: number for number, name in NAMES.items()}


def name(number):
    if 0xc03 <= number <= 0xc1f:
        return f"hpmcounter{number - 0xc00}"
    return NAMES.get(number, f"{number:#x}")


def level(number):
    """The lowest mode that the number belongs to: 0 is U, 1 S, 2 the hypervisor's, 3 M."""
    return number >> 8 & 3


def is_vs(number):
    """One of a virtual machine's own copies of S-mode's CSRs."""
    return 0x200 <= number < 0x300


def is_counter(number):
    return 0xc00 <= number <= 0xc1f
