/* SPDX-License-Identifier: BSD-2-Clause */
/* The loops of guests/exits, run one round at a time here. */
#include "guests/exits/loops.S"
