# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# shellcheck disable=SC2154 # variables of bats and of helpers.bash
# posthorn latency with its doorbell, which needs no device; and what it does with its results.

load helpers

setup() {
	posthorn_setup
	json=$BATS_TEST_TMPDIR/latency.json
}

# latency [ARGUMENT]...: with few interrupts, unless an argument says how many.
latency() {
	run --separate-stderr timeout -k 1 240 "$posthorn" latency "$@"
}

quick=(--count 100 --warmup 10)

# json_get FILTER: of the file, as one line.
json_get() {
	jq -cr "$1" "$json"
}

# console_make LOST: what the program may write, of three interrupts, LOST of which did not come.
console_make() {
	local came=$((3 - $1)) metric
	printf 'Booting...\r\nlatency: format 1\r\nlatency: source edu\r\nlatency: state running\r\n'
	printf 'latency: clock tsc 1000000000\r\nlatency: overhead 20\r\n'
	printf 'latency: count 3\r\nlatency: lost %d\r\n' "$1"
	for metric in handler return; do
		printf 'latency: metric %s count %d min 100 max 100 sum %d\r\n' \
			"$metric" "$came" $((100 * came))
		printf 'latency: bucket 100 %d\r\n' "$came"
	done
	printf 'latency: end\r\n'
}

# ---- measuring ----

@test "both paths in both states: four runs, and every interrupt came" {
	latency "${quick[@]}" --json "$json"
	expect_status 0
	[ -z "$stderr" ]
	expect_text "EXITS EACH TIME" "$output"
	expect_text "posthorn userspace halted" "$output"
	[ "$(json_get '[.runs[] | .path + " " + .state] | join(", ")')" = \
		"injected running, injected halted, userspace running, userspace halted" ]
	[ "$(json_get '[.runs[] | [.count, .lost, .metrics.handler.count, .metrics.return.count]]
		| unique')" = "[[100,0,100,100]]" ]
	[ "$(json_get '[.runs[] | .vmm + " " + .source] | unique | join(",")')" = "posthorn eventfd" ]
}

@test "a thread that raises: every interrupt came, on both paths and in both states" {
	latency "${quick[@]}" --source thread --json "$json"
	expect_status 0
	[ -z "$stderr" ]
	[ "$(json_get '[.runs[] | .source + " " + .path + " " + .state] | join(", ")')" = \
		"thread injected running, thread injected halted, thread userspace running, thread userspace halted" ]
	[ "$(json_get '[.runs[] | [.count, .lost, .metrics.handler.count]] | unique')" = "[[100,0,100]]" ]
}

@test "no interrupt returns before its handler began" {
	latency "${quick[@]}" --json "$json"
	expect_status 0
	json_get '.runs[] | [.state, .metrics.handler.min, .metrics.return.min]'
	[ "$(json_get '[.runs[].metrics | .return.min >= .handler.min] | all')" = true ]
	[ "$(json_get '[.runs[].metrics | .return.sum >= .handler.sum] | all')" = true ]
}

@test "a virtual CPU that sleeps leaves to the host once for each interrupt, at least" {
	latency --count 200 --warmup 10 --path irqfd --state halted --json "$json"
	expect_status 0
	[ "$(json_get '.runs[0].environment.exits')" = null ] ||
		skip "KVM shows no counters: $(json_get '.runs[0].environment.exits')"
	json_get '.runs[0].exits'
	if [ "$(uname -m)" = x86_64 ]; then
		[ "$(json_get '.runs[0].exits.halt_exits >= 190')" = true ]
	else
		[ "$(json_get '.runs[0].exits.wfi_exit_stat >= 190')" = true ]
	fi
}

@test "what somebody who repeats the run must know is written down" {
	local key cpu
	cpu=$(cpus_allowed | head -n 1)
	latency "${quick[@]}" --path irqfd --state running --interval 50 --cpus "1,pin=$cpu" \
		--helpers-cpu "$cpu" --json "$json"
	expect_status 0
	json_get '.runs[0].environment'
	for key in kernel cpu cmdline cpus date posthorn posting clocksource; do
		[ "$(json_get ".runs[0].environment.$key | length > 0")" = true ]
	done
	[ "$(json_get '.runs[0].environment | [.["interval.us"], .warmup, .pinned, .["pinned.vcpu"],
		.["pinned.others"]] | join(" ")')" = "50 10 yes 0 0" ]
	[ "$(json_get '.runs[0].environment.kernel')" = "Linux $(uname -r) $(uname -v) $(uname -m)" ]
	[ "$(json_get '.runs[0].clock.hz > 1000')" = true ]
}

@test "the ten worst are kept, the longest first, with when they came" {
	latency "${quick[@]}" --path irqfd --state running --interval 20,random --json "$json"
	expect_status 0
	json_get '.runs[0].worst'
	[ "$(json_get '.runs[0].worst | length == 10 and (map(.ticks) | . == (sort | reverse))')" = true ]
	[ "$(json_get '.runs[0] | .worst[0].ticks == .metrics.handler.max and
		(.worst | map(.at) | unique | length) == 10')" = true ]
	[ "$(json_get '.runs[0].environment["interval.us"]')" = "20,random" ]
}

@test "what KVM counted around each of the ten worst is kept with it" {
	latency --count 3000 --warmup 10 --path irqfd --state halted --json "$json"
	expect_status 0
	[ "$(json_get '.runs[0].environment.exits')" = null ] ||
		skip "KVM shows no counters: $(json_get '.runs[0].environment.exits')"
	json_get '.runs[0].worst'
	[ "$(json_get '[.runs[0].worst[] | .interrupts >= 1 and .interrupts <= 1000 and
		.counted.exits >= .interrupts] | all and length == 10')" = true ]
}

# Where nothing is known of how long an interrupt takes, this is sure: with 100 % of p99 as the
# bound it ends soon, and with a count that is too small for any interval it does not converge.
@test "--until-converged: it stops before --count, or says that it did not" {
	latency --count 1000000 --warmup 10 --path irqfd --state halted --until-converged 100 --json "$json"
	expect_status 0
	json_get '.runs[0] | [.count, .environment.converged, .metrics.handler.ns]'
	[ "$(json_get '.runs[0] | .count == .metrics.handler.count and .count % 1024 == 0 and
		.count < 1000000')" = true ]
	[[ $(json_get '.runs[0].environment.converged') == "yes, to 100 % of p99 after "* ]]
	[ "$(json_get '.runs[0].metrics.handler.ns | .["p99.interval"] as $i | $i[0] <= .p99 and
		$i[1] >= .p99 and $i[1] <= 2 * $i[0]')" = true ]
	latency "${quick[@]}" --path irqfd --state halted --until-converged 2 --json "$json"
	expect_status 0
	expect_text "the 95 % interval of p99 is still wider than 2 % of it after 100 interrupts" "$stderr"
	[ "$(json_get '.runs[0].environment.converged')" = "no, to 2 % of p99 after 100 of 100 interrupts" ]
}

@test "--cpus 2: each virtual CPU takes its own interrupts, all of them, at the same time" {
	only_x86_64 "the program takes messages on one CPU there"
	latency "${quick[@]}" --cpus 2 --json "$json"
	expect_status 0
	[ "$(json_get '[.runs[] | .path + " " + .state] | join(", ")')" = \
		"injected running.cpu0, injected running.cpu1, userspace running.cpu0, userspace running.cpu1" ]
	[ "$(json_get '[.runs[] | [.count, .lost, .metrics.handler.count, .metrics.return.count]]
		| unique')" = "[[100,0,100,100]]" ]
	latency --cpus 2 --state halted
	expect_status 2
	expect_text "several virtual CPUs are measured running alone" "$stderr"
}

# A thread that wakes a guest takes more than a microsecond everywhere: the first one is too much.
@test "--break-above: the first interrupt that takes longer is the last" {
	latency "${quick[@]}" --path userspace --state halted --break-above 1 --json "$json"
	expect_status 0
	[ "$(json_get '.runs[0] | [.count, .lost, .metrics.handler.count]')" = "[1,0,1]" ]
	[[ $stderr =~ "latency: an interrupt took "[0-9]+" us, which is above --break-above: the run stops here" ]]
	latency "${quick[@]}" --path irqfd --state running --break-above 1000000000 --json "$json"
	expect_status 0
	[ "$(json_get '.runs[0].metrics.handler.count')" = 100 ]
}

@test "noise: the gaps of a guest that spins, and what its CPU of the host had meanwhile" {
	local cpu
	cpu=$(cpus_allowed | head -n 1)
	latency noise --seconds 1 --cpus "1,pin=$cpu" --json "$json"
	expect_status 0
	expect_text "CPU $cpu of the host had meanwhile: " "$output"
	json_get '.runs[0] | [.state, .environment, .metrics.gap.ns]'
	[ "$(json_get '.runs[0] | [.vmm, .path, .state, .count, (.metrics | keys)]')" = \
		'["posthorn","","noise",0,["gap"]]' ]
	# All gaps together are the second, and a little more.
	[ "$(json_get '.runs[0] | .metrics.gap.sum / .clock.hz >= 1')" = true ]
	[ "$(json_get '.runs[0].environment | .["noise.interrupts"] | tonumber > 0')" = true ]
	# Where the kernel tells: a pinned CPU does not move.
	[ "$(json_get '.runs[0].environment.migrations // "0"')" = 0 ]
}

@test "progress is said with -v: which VM of how many" {
	latency "${quick[@]}" --path userspace -v
	expect_status 0
	expect_text "latency: 1 of 2: userspace, running" "$stderr"
	expect_text "latency: 2 of 2: userspace, halted" "$stderr"
}

@test "formats: cyclictest's histogram, and CSV" {
	latency "${quick[@]}" --path irqfd --format cyclictest
	expect_status 0
	expect_text "# Histogram" "$output"
	[[ $output =~ "# Total: 000000100 000000100" ]]
	latency "${quick[@]}" --path irqfd --state halted --format csv
	expect_status 0
	[ "${lines[0]}" = "# posthorn injected halted" ]
	[ "${lines[1]}" = "metric,low_ticks,high_ticks,low_ns,high_ns,count" ]
	[[ ${lines[2]} == handler,* ]]
}

# What scripts that plot cyclictest's histograms do: lines without # are rows, their first field a
# latency and each other one a CPU's count; summary lines have a value for each CPU behind a colon.
@test "cyclictest's histogram is what scripts that plot it take it for" {
	local text=$BATS_TEST_TMPDIR/text total max
	{
		console_make 0
		console_make 0 | sed 's/min 100 max 100 sum 300/min 100 max 164 sum 428/
			s/bucket 100 3/bucket 100 1\nlatency: bucket 146 2/'
	} | sed 's/clock tsc 1000000000/clock tsc 1000000/' >"$BATS_TEST_TMPDIR/console"
	"$posthorn" latency read "$BATS_TEST_TMPDIR/console" --path bare --format cyclictest >"$text"
	cat "$text"
	# One row for each microsecond from 0 on, with two counts.
	grep -v '^#' "$text" | tr ' ' '\t' >"$BATS_TEST_TMPDIR/rows"
	awk -F '\t' 'NF != 3 || $1 + 0 != NR - 1 || /[^0-9\t]/ { exit 1 }' "$BATS_TEST_TMPDIR/rows"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/rows")" = 165 ]
	# The counts of each column make its total, and are where the values were.
	total=$(sed -n 's/^# Total: *//p' "$text")
	[ "$total" = "$(awk '{ a += $2; b += $3 } END { printf "%09d %09d", a, b }' \
		"$BATS_TEST_TMPDIR/rows")" ]
	[ "$(awk '$3 > 0 { printf "%d:%d ", $1, $3 }' "$BATS_TEST_TMPDIR/rows")" = "100:1 164:2 " ]
	# The largest of all columns.
	max=$(grep 'Max Latencies' "$text" | tr ' ' '\n' | sort -n | tail -n 1 | sed 's/^0*//')
	[ "$max" = 164 ]
	[ "$(awk '/^# Min Latencies:/ { print $4 + 0, $5 + 0 }' "$text")" = "100 100" ]
	[ "$(awk '/^# Histogram Overflows:/ { print $4 + 0, $5 + 0 }' "$text")" = "0 0" ]
}

# ---- failing ----

@test "a CPU that is not there: exit code 2, and which" {
	latency "${quick[@]}" --cpus "1,pin=$(cpus_allowed | head -n 1)" --helpers-cpu 1023
	expect_status 2
	expect_text "this host has no CPU 1023" "$stderr"
}

@test "a file that cannot be written: exit code 2, before anything is measured" {
	latency --count 1000000000 --json "$BATS_TEST_TMPDIR/none/a.json"
	expect_status 2
	expect_text "none/a.json" "$stderr"
	latency --count 1000000000 --plot "$BATS_TEST_TMPDIR/none/a.svg"
	expect_status 2
	[ -z "$output" ]
}

@test "a VM that cannot be started: its exit code and message, and no file" {
	run --separate-stderr bash -c 'ulimit -v 60000; "$@"' - \
		"$posthorn" latency "${quick[@]}" --json "$json"
	expect_status 3
	expect_text "memory" "$stderr"
	expect_text "latency: irqfd, running: the virtual machine ended with exit code 3" "$stderr"
	[ ! -e "$json" ]
}

@test "a device that is not there: exit code 2" {
	latency --device ffff:1f:1f.7
	expect_status 2
	expect_text "ffff:1f:1f.7" "$stderr"
}

@test "when it is killed, its VM ends too" {
	local child i
	"$posthorn" latency --count 1000000000 --state running >/dev/null 2>&1 3>&- &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		child=$(pgrep -P "$pid") && [ -n "$child" ] && break
		sleep 0.1
	done
	[ -n "$child" ]
	kill -KILL "$pid"
	wait "$pid" || true
	pid=
	for ((i = 0; i < 100; i++)); do
		[ -e "/proc/$child" ] || break
		sleep 0.1
	done
	[ ! -e "/proc/$child" ]
}

# ---- results of before ----

@test "read: a console's output becomes a file of runs" {
	console_make 0 >"$BATS_TEST_TMPDIR/console"
	latency read "$BATS_TEST_TMPDIR/console" --path bare --vmm none --json "$json"
	expect_status 0
	expect_text "bare running" "$output"
	[ "$(json_get '.runs[0] | [.path, .vmm, .source, .count, .metrics.handler.sum] | join(",")')" = \
		"bare,,edu,3,300" ]
	console_make 0 | "$posthorn" latency read - --path posted --vmm qemu --arch arm64 \
		--json "$json" >/dev/null
	[ "$(json_get '.runs[0] | [.path, .vmm, .architecture] | join(",")')" = "posted,qemu,arm64" ]
}

@test "read: lost interrupts are exit code 1, and yet all is written" {
	console_make 1 >"$BATS_TEST_TMPDIR/console"
	latency read "$BATS_TEST_TMPDIR/console" --path bare --json "$json"
	expect_status 1
	expect_text "bare running: 1 of 3 interrupts were lost" "$stderr"
	[ "$(json_get '.runs[0].lost')" = 1 ]
}

@test "read: output without an end, or of something else: exit code 2" {
	console_make 0 | grep -v 'latency: end' >"$BATS_TEST_TMPDIR/console"
	latency read "$BATS_TEST_TMPDIR/console" --path bare --json "$json"
	expect_status 2
	expect_text "ends before the report does" "$stderr"
	[ ! -e "$json" ]
	latency read "$BATS_TEST_TMPDIR/none" --path bare
	expect_status 2
	expect_text "$BATS_TEST_TMPDIR/none: No such file" "$stderr"
}

@test "compare: ratios to the first run of the same state, as a table and as JSON" {
	local a=$BATS_TEST_TMPDIR/a.json b=$BATS_TEST_TMPDIR/b.json
	console_make 0 | "$posthorn" latency read - --path bare --json "$a" >/dev/null
	console_make 0 | sed 's/100 max 100/200 max 200/; s/sum 300/sum 600/; s/bucket 100/bucket 164/' |
		"$posthorn" latency read - --path injected --json "$b" >/dev/null
	latency compare "$a" "$b" --json "$json"
	expect_status 0
	[[ $output =~ "injected running" ]]
	[ "$(json_get '.comparisons | length')" = 2 ]
	[ "$(json_get '.comparisons[0] | [.metric, .state] | join(" ")')" = "handler running" ]
	# jq 1.6 writes 2 for a 2.0 that it reads, and jq 1.7 writes 2.0.
	[ "$(json_get '.comparisons[0].runs[1].p50.ratio == 2')" = true ]
}

@test "compare: the same experiment twice is told apart by the files' names" {
	local a=$BATS_TEST_TMPDIR/before.json b=$BATS_TEST_TMPDIR/after.json
	console_make 0 | "$posthorn" latency read - --path bare --json "$a" >/dev/null
	cp "$a" "$b"
	latency compare "$a" "$b"
	expect_status 0
	expect_text "before bare running" "$output"
	expect_text "after bare running" "$output"
}

@test "compare: a single run is nothing to compare: exit code 2" {
	console_make 0 | "$posthorn" latency read - --path bare --json "$json" >/dev/null
	latency compare "$json"
	expect_status 2
	expect_text "nothing to compare" "$stderr"
}

@test "a full disk: exit code 1, and the name of the file" {
	latency read --path bare --json /dev/full - < <(console_make 0)
	expect_status 1
	expect_text "/dev/full" "$stderr"
}

@test "report: one page of all files of a directory, those of format 1 too" {
	local folder=$BATS_TEST_TMPDIR/runs
	mkdir "$folder"
	console_make 0 | "$posthorn" latency read - --path bare --json "$folder/a.json" >/dev/null
	jq '.format = 1 | del(.runs[].metrics[].ns)' "$folder/a.json" >"$folder/b.json"
	latency report "$folder"
	expect_status 0
	[ "$output" = "$folder/report.html" ]
	grep -q 'a bare running' "$folder/report.html"
	grep -q 'b bare running' "$folder/report.html"
	! grep -qE '<script|https?:' "$folder/report.html"
}

@test "report: a directory that is none, or has no file: exit code 2, and its name" {
	latency report "$BATS_TEST_TMPDIR/none"
	expect_status 2
	expect_text "$BATS_TEST_TMPDIR/none: No such file" "$stderr"
	mkdir "$BATS_TEST_TMPDIR/empty"
	latency report "$BATS_TEST_TMPDIR/empty"
	expect_status 2
	expect_text "$BATS_TEST_TMPDIR/empty: has no file NAME.json" "$stderr"
}

@test "a plot is drawn" {
	command -v gnuplot >/dev/null || skip "there is no gnuplot"
	console_make 0 | "$posthorn" latency read - --path bare --json "$json" \
		--plot "$BATS_TEST_TMPDIR/a.svg" >/dev/null
	grep -q '<svg' "$BATS_TEST_TMPDIR/a.svg"
	latency compare "$json" "$json" --plot "$BATS_TEST_TMPDIR/b.png" --ratios "$BATS_TEST_TMPDIR/c.svg"
	expect_status 0
	[ -s "$BATS_TEST_TMPDIR/b.png" ]
	grep -q '99th percentile' "$BATS_TEST_TMPDIR/c.svg"
	# With noise one run is enough.
	latency noise --seconds 1 --json "$BATS_TEST_TMPDIR/n.json"
	latency compare "$json" "$BATS_TEST_TMPDIR/n.json" --plot "$BATS_TEST_TMPDIR/d.svg"
	expect_status 0
	grep -q 'the machine alone' "$BATS_TEST_TMPDIR/d.svg"
}
