/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the line editor share. */
#pragma once

#include "hyp/ui/line_edit.h"

/* ---- line_edit.c ---- */

/* The cursor is behind what was inserted; what is too much is dropped. */
void line_edit_insert(struct line_edit *edit, const char *text, size_t length);

/* ---- line_edit_screen.c ---- */

void line_edit_write(struct line_edit *edit, const char *text);
/* True if so many may be written behind the cursor. */
bool line_edit_has_columns(const struct line_edit *edit, size_t count);
/* The last so many characters were typed at the end. False: all has to be drawn again. */
bool line_edit_append_on_screen(struct line_edit *edit, size_t length);

/* ---- line_edit_complete.c ---- */

void line_edit_complete(struct line_edit *edit);
