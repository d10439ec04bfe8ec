/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers for guests, grown from what the boot loader put into /chosen/rng-seed. */
#pragma once

/* Boot hart, alone. A tree without the property, or with less than 16 bytes there, leaves
 * hw_random() without a source. */
void random_init(const void *fdt);
