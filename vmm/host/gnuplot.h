/* SPDX-License-Identifier: BSD-2-Clause */
/* Plots, which gnuplot(1) draws. */
#ifndef POSTHORN_VMM_HOST_GNUPLOT_H
#define POSTHORN_VMM_HOST_GNUPLOT_H

#include <stddef.h>

#include "vmm/options.h"

/* A const char *: a file for a plot, whose name ends with .svg, .png or .gp. */
int option_plot(struct parser *parser, const struct option_rule *rule, const char *value);

/* gnuplot's terminal for a plot in the file @path: "svg" or "png". */
const char *gnuplot_terminal(const char *path);

/*
 * Let gnuplot make what @script of @length bytes says into the file @path; the script itself where
 * that ends with .gp. 0, or -errno with one sentence in @why (-ENOENT: there is no gnuplot), and
 * then the file is gone.
 */
int gnuplot_draw(const char *path, const char *script, size_t length, char *why, size_t size);

/* The same as text, for the terminal svg: the caller's to free(), or NULL with @why set. */
char *gnuplot_text(const char *script, size_t length, char *why, size_t size);

#endif
