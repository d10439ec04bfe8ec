/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion of the word that ends at the cursor. */
#include <stdio.h>
#include <string.h>

#include "hyp/ui/line_edit_internal.h"

#define WORD_MAX 64

struct completion {
	struct line_edit *edit;
	const char *word;
	size_t length;	      /* of the word */
	unsigned count;	      /* of candidates */
	size_t common;	      /* what all of them begin with */
	char first[WORD_MAX]; /* one of them */
	size_t widest;
};

/* It may end up on the screen and in the line: only what could be typed there. */
static bool is_word(const char *text)
{
	size_t length = 0;

	while (text[length] > ' ' && text[length] <= '~')
		length++;
	return !text[length] && length < WORD_MAX;
}

/* The next candidate that begins like the word, from *index on; NULL: no more. */
static const char *next_match(const struct completion *c, unsigned *index, char *buffer)
{
	const struct line_edit_ops *ops = c->edit->ops;
	const char *found;

	do {
		found = ops->candidate(ops->context, c->edit->text,
				       (size_t)(c->word - c->edit->text), (*index)++, buffer,
				       WORD_MAX);
	} while (found && (strncmp(found, c->word, c->length) != 0 || !is_word(found)));
	return found;
}

static void add(struct completion *c, const char *match)
{
	size_t same = 0;

	if (!c->count++) {
		c->common = strlen(match);
		memcpy(c->first, match, c->common + 1);
	}
	while (same < c->common && match[same] == c->first[same])
		same++;
	c->common = same;
	c->widest = max_u64(c->widest, strlen(match));
}

static void list(struct completion *c)
{
	unsigned per_line = (unsigned)max_u64(1, (LINE_EDIT_COLUMNS - 1) / (c->widest + 2));
	unsigned index = 0, shown = 0;
	char buffer[WORD_MAX], cell[LINE_EDIT_COLUMNS];
	const char *match;

	while (shown < per_line * LINE_EDIT_LIST_MAX && (match = next_match(c, &index, buffer))) {
		snprintf(cell, sizeof(cell), "%s%-*s", shown % per_line ? "" : "\r\n",
			 (int)c->widest + 2, match);
		line_edit_write(c->edit, cell);
		shown++;
	}
	if (shown < c->count) {
		snprintf(cell, sizeof(cell), "\r\n... and %u more", c->count - shown);
		line_edit_write(c->edit, cell);
	}
	line_edit_write(c->edit, "\r\n");
	line_edit_redraw(c->edit);
}

void line_edit_complete(struct line_edit *edit)
{
	struct completion c = {.edit = edit};
	unsigned index = 0;
	char buffer[WORD_MAX];
	size_t start = edit->cursor;
	const char *match;

	while (start && edit->text[start - 1] != ' ')
		start--;
	c.word = edit->text + start;
	c.length = edit->cursor - start;
	while ((match = next_match(&c, &index, buffer)))
		add(&c, match);
	if (c.count > 1 && c.common == c.length)
		list(&c);
	else if (c.count)
		line_edit_insert(edit, c.first + c.length, c.common - c.length);
	if (c.count == 1)
		line_edit_insert(edit, " ", 1);
}
