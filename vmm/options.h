/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line. A command is a struct command: what it is called, the table of its options, and
 * the function that does it. The parser fills in the command's own structure of options, as the
 * table says, and knows nothing else of any command. See posthorn(1).
 */
#ifndef POSTHORN_VMM_OPTIONS_H
#define POSTHORN_VMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is being filled in, and where to say what is wrong. */
struct parser {
	void *options; /* the command's structure */
	char *why;
	size_t size;
};

/* One option. A table of them ends with one without a name, and has 64 at most. */
struct option_rule {
	const char *name;  /* "--kernel"; of option_keys() "addr" */
	const char *value; /* what it takes, as the help has it; NULL: nothing */
	const char *help;
	/* Stores @value (NULL for an option that takes none). 0, or EXIT_USAGE after wrong(). */
	int (*apply)(struct parser *parser, const struct option_rule *rule, const char *value);
	size_t offset;		  /* of what @apply sets in the command's structure */
	uint64_t least, most;	  /* for option_number() */
	const char *const *names; /* for name_choose(): what there is; NULL is the last */
	bool repeatable;
};

struct command {
	const char *name;		 /* one or two words */
	const char *synopsis;		 /* what must follow the name, "" for nothing */
	const char *help;		 /* one line */
	const struct option_rule *rules; /* NULL: no options but -v and --help */
	/* What to do with an operand, and how many it takes at most. */
	int (*operand)(struct parser *parser, const char *text);
	unsigned int operands;
	const char *needed; /* what the first one is; NULL: it may be left out */
	/* The structure of options: its size in bytes, and how it begins (NULL: all zeros). */
	size_t options_size;
	const void *defaults;
	/* Looks at the whole, when all is parsed. 0, or EXIT_USAGE after wrong(). May be NULL. */
	int (*check)(struct parser *parser);
	/* Does it. Returns the exit code of the program. */
	int (*run)(const void *options);
};

/* What was parsed. */
struct command_line {
	const struct command *command;
	void *options;	      /* of the command; the caller's to free(3) */
	bool help;	      /* asked what the command takes; @options may be incomplete */
	unsigned int verbose; /* how many -v */
};

/*
 * Parse the arguments of the program. @commands are all that there are, the last NULL. Returns 0,
 * or an exit code after writing into @why one sentence that names the argument that is wrong and
 * what would be right; @line->options is NULL then. Strings in the options point into @argv.
 */
int command_line_parse(struct command_line *line, const struct command *const *commands, int argc,
		       char **argv, char *why, size_t size);

/* The command of that name, or NULL. */
const struct command *command_find(const struct command *const *commands, const char *name);

/* Write the short help of @command to standard output: what it takes. */
void command_help_print(const struct command *command);

/* ---- for tables of options ---- */

/* Say what is wrong. Returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int wrong(const struct parser *parser, const char *format,
						...);

/* A bool, set to true. */
int option_flag(struct parser *parser, const struct option_rule *rule, const char *value);

/* A const char *; option_file() takes no empty one. */
int option_text(struct parser *parser, const struct option_rule *rule, const char *value);
int option_file(struct parser *parser, const struct option_rule *rule, const char *value);

/* A uint64_t between rule->least and rule->most, in decimal. */
int option_number(struct parser *parser, const struct option_rule *rule, const char *value);

/* An unsigned int (or an enum): which of rule->names it is. */
int option_name(struct parser *parser, const struct option_rule *rule, const char *value);

/* A char[BDF_SIZE]: the address of a PCI function, in full form. */
int option_bdf(struct parser *parser, const struct option_rule *rule, const char *value);

/* The same for an operand, into the beginning of the structure: struct bdf_options. */
int operand_bdf(struct parser *parser, const char *text);

/* The same, or "mdev=UUID", whose UUID is the name of a mediated device. */
int operand_device(struct parser *parser, const char *text);

/* If @text is "mdev=UUID": its UUID into @name, of BDF_SIZE, and 0; else -EINVAL. */
int mdev_option_parse(const char *text, char *name);

/*
 * For a value that is followed by ",NAME=VALUE" again and again: take these from @value into the
 * structure @options, as the table @keys says, whose names have no dashes and whose functions must
 * not keep the text. 0, or EXIT_USAGE after wrong(), which quotes all of @value.
 */
int option_keys(struct parser *parser, const struct option_rule *rule, const char *value,
		const struct option_rule *keys, void *options);

/* Decimal digits at *@text, which then points behind them; UINT64_MAX if too big. 0 or -EINVAL. */
int number_parse(const char **text, uint64_t *number);

/* Which of rule->names @value is, or -1 after wrong(). */
int name_choose(struct parser *parser, const struct option_rule *rule, const char *value);

/* The index of the @length bytes at @text among @names, the last of which is NULL; or -1. */
int name_find(const char *const *names, const char *text, size_t length);

#endif
