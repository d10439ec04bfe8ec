/* SPDX-License-Identifier: BSD-2-Clause */
/* The one error vocabulary of the hypervisor. What a guest is told is decided where it is told. */
#pragma once

enum status {
	STATUS_OK = 0,
	STATUS_NO_MEMORY,   /* the page allocator has nothing left */
	STATUS_INVALID,	    /* an argument is outside what the function's comment allows */
	STATUS_NOT_FOUND,   /* nothing at that address or of that name */
	STATUS_EXISTS,	    /* something else is there already */
	STATUS_UNSUPPORTED, /* this machine, or this build, cannot do it */
	STATUS_DENIED,	    /* well-formed, but not now, or not for this caller */
	STATUS_FAULT,	    /* the access took a trap; details are in an out-parameter */
};

/* A short English word for messages. */
const char *status_name(enum status status);

/* Marks functions whose result must be looked at. */
#ifdef __cppcheck__
#define MUST_CHECK /* it cannot read an attribute of a pointer to a function */
#else
#define MUST_CHECK __attribute__((warn_unused_result))
#endif
