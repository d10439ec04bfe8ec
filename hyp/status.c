/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for enum status. Owns nothing. */
#include "hyp/status.h"

const char *status_name(enum status status)
{
	switch (status) {
	case STATUS_OK:
		return "ok";
	case STATUS_NO_MEMORY:
		return "out of memory";
	case STATUS_INVALID:
		return "invalid argument";
	case STATUS_NOT_FOUND:
		return "not found";
	case STATUS_EXISTS:
		return "already exists";
	case STATUS_UNSUPPORTED:
		return "unsupported";
	case STATUS_DENIED:
		return "denied";
	case STATUS_FAULT:
		return "fault";
	}
	return "unknown status";
}
