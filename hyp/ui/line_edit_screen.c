/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the editor shows: the prompt and as much of the text as fits behind it, around the cursor.
 * The last column stays empty, as terminals differ in what they do when it is written.
 */
#include <stdio.h>
#include <string.h>

#include "hyp/ui/line_edit_internal.h"

static size_t columns_for_text(const struct line_edit *edit)
{
	return LINE_EDIT_COLUMNS - 1 - strlen(edit->prompt);
}

void line_edit_write(struct line_edit *edit, const char *text)
{
	edit->ops->write(edit->ops->context, text, strlen(text));
}

/* By half a screen at a time, so that the eye can follow. */
static void scroll(struct line_edit *edit)
{
	size_t columns = columns_for_text(edit);

	if (edit->cursor < edit->shown)
		edit->shown = edit->cursor > columns / 2 ? edit->cursor - columns / 2 : 0;
	else if (edit->cursor > edit->shown + columns)
		edit->shown = edit->cursor - columns / 2;
}

void line_edit_redraw(struct line_edit *edit)
{
	char line[2 * LINE_EDIT_COLUMNS];

	scroll(edit);
	int visible = (int)min_u64(edit->length - edit->shown, columns_for_text(edit));

	snprintf(line, sizeof(line), "\r%s%.*s\x1b[K\r\x1b[%uC", edit->prompt, visible,
		 edit->text + edit->shown,
		 (unsigned)(strlen(edit->prompt) + edit->cursor - edit->shown));
	line_edit_write(edit, line);
}

bool line_edit_has_columns(const struct line_edit *edit, size_t count)
{
	return edit->cursor - edit->shown + count <= columns_for_text(edit);
}

bool line_edit_append_on_screen(struct line_edit *edit, size_t length)
{
	if (edit->length - edit->shown > columns_for_text(edit))
		return false;
	line_edit_write(edit, edit->text + edit->length - length);
	return true;
}
