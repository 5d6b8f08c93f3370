#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of bats
# scripts/lab.d/qemu/apply-hooks, on a source that is made up: what fits is put in, and when anything
# does not, the source stays as it is and each hook that is wrong is named.

bats_require_minimum_version 1.5.0

setup() {
	apply=$(realpath "$BATS_TEST_DIRNAME/../../scripts/lab.d/qemu/apply-hooks")
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p hw
	printf '%s\n' 'int first(void)' '{' '	return 0;' '}' 'int second(void)' '{' '	return 0;' '}' >hw/a.c
	cp hw/a.c a.before
	cat >hooks <<-'END'
		# A comment.
		hook the second: with a colon: hw/a.c
		from int second(
		before return 0;
		+	hooked("\n");

		hook the first: hw/a.c
		after int first(
		+/* behind */
	END
}

@test "lines are put before and after others, as they are" {
	run "$apply" hooks
	[ "$status" -eq 0 ]
	[ "$output" = "2 hooks in 1 files" ]
	[ "$(<hw/a.c)" = "$(printf '%s\n' 'int first(void)' '/* behind */' '{' '	return 0;' '}' \
		'int second(void)' '{' '	hooked("\n");' '	return 0;' '}')" ]
}

@test "each hook that does not fit is named, and nothing is changed" {
	sed -i 's/int second/long second/' hw/a.c
	cp hw/a.c a.before
	printf '%s\n' '' 'hook of another file: hw/b.c' 'after int' '+x' >>hooks
	run "$apply" hooks
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "hook the second: with a colon: hw/a.c: there is no line with: int second(" ]
	[ "${lines[1]}" = "hook of another file: hw/b.c: there is no line with: int" ]
	[ "${#lines[@]}" -eq 2 ]
	cmp hw/a.c a.before
}

@test "a place that is not the only one of its kind is none" {
	printf '%s\n' '' 'hook anywhere: hw/a.c' 'before return 0;' '+x' >>hooks
	run "$apply" hooks
	[ "$status" -eq 1 ]
	[ "$output" = "hook anywhere: hw/a.c: there is more than one line with: return 0;" ]
	cmp hw/a.c a.before
}

@test "a hook without lines, and a line that is none, are mistakes" {
	printf '%s\n' '' 'hook empty: hw/a.c' 'after int first(' 'beside' >>hooks
	run "$apply" hooks
	[ "$status" -eq 1 ]
	[[ $output == *"hook empty: hw/a.c: line 13 of the hooks is none: beside"* ]]
	[[ $output == *"hook empty: hw/a.c: it says nothing"* ]]
	cmp hw/a.c a.before
}
