/* SPDX-License-Identifier: BSD-2-Clause */
/* What may stand where the cursor is. Owns nothing but the VM that it named last. */
#include <string.h>

#include "hyp/ui/shell_internal.h"

struct place {
	const char *words[SHELL_WORDS_MAX]; /* those before the cursor's */
	size_t lengths[SHELL_WORDS_MAX];
	unsigned count;
};

static struct place place_of(const char *text, size_t word)
{
	struct place place = {.count = 0};

	for (size_t i = 0; i < word && place.count < SHELL_WORDS_MAX;) {
		size_t length = 0;

		while (i < word && text[i] == ' ')
			i++;
		while (i + length < word && text[i + length] != ' ')
			length++;
		if (length) {
			place.words[place.count] = text + i;
			place.lengths[place.count++] = length;
		}
		i += length;
	}
	return place;
}

static bool is_word(const struct place *place, unsigned index, const char *word)
{
	return index < place->count && strlen(word) == place->lengths[index] &&
	       !memcmp(word, place->words[index], place->lengths[index]);
}

/* Commands of one name are next to each other. */
static const char *name_number(unsigned index)
{
	const char *last = NULL;

	for (const struct shell_command *c = shell_next_command(NULL); c;
	     c = shell_next_command(c)) {
		if (last && !strcmp(c->name, last))
			continue;
		last = c->name;
		if (!index--)
			return last;
	}
	return NULL;
}

static const char *sub_number(const struct place *place, unsigned from, unsigned index)
{
	for (const struct shell_command *c = shell_next_command(NULL); c; c = shell_next_command(c))
		if (c->sub && is_word(place, from, c->name) && !index--)
			return c->sub;
	return NULL;
}

/* They are asked for one after the other from 0 on, which thousands of VMs must not make a search
 * each. */
static const char *guest_number(unsigned index)
{
	static struct guest *last;
	static unsigned last_index;
	bool goes_on = index && last && index == last_index + 1;
	struct guest *guest = guest_next(goes_on ? last : NULL);

	for (unsigned i = goes_on ? index : 0; guest && i < index; i++)
		guest = guest_next(guest);
	last = guest;
	last_index = index;
	return guest ? guest->vm.name : NULL;
}

static const char *argument_number(enum shell_argument kind, unsigned index)
{
	switch (kind) {
	case SHELL_VM_OR_ALL:
		return index ? guest_number(index - 1) : "all";
	case SHELL_VM:
		return guest_number(index);
	case SHELL_COMMAND:
		return name_number(index);
	default:
		return NULL;
	}
}

const char *shell_candidate(void *context, const char *text, size_t word, unsigned index,
			    char *buffer, size_t size)
{
	struct place place = place_of(text, word);

	(void)context;
	(void)buffer;
	(void)size;
	if (place.count == 0)
		return name_number(index);
	for (const struct shell_command *c = shell_next_command(NULL); c;
	     c = shell_next_command(c)) {
		unsigned first = c->sub ? 2 : 1;

		if (!is_word(&place, 0, c->name) || (c->sub && !is_word(&place, 1, c->sub)))
			continue;
		unsigned at = place.count - first;
		enum shell_argument kind = at < SHELL_ARGUMENTS ? c->takes[at] : SHELL_ANYTHING;

		/* "help vm" goes on with what "vm" goes on with. */
		if (at == 1 && c->takes[0] == SHELL_COMMAND)
			return sub_number(&place, first, index);
		return argument_number(kind, index);
	}
	return place.count == 1 ? sub_number(&place, 0, index) : NULL;
}
