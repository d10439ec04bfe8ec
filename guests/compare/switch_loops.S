/* SPDX-License-Identifier: BSD-2-Clause */
/* The loops of guests/switch, run one round at a time here. */
#include "guests/switch/loops.S"
