# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2034 # variables for the tests
#
# What the tests in this folder share. They run on the host of the nested lab, L1. tests/run boots
# it, with the options that lines of each file name: "# lab: OPTIONS" for every architecture,
# "# lab x86_64: OPTIONS" and "# lab arm64: OPTIONS" for one. For example
#   scripts/lab arm64 OPTIONS -- bats --tap tests/lab/FILE.bats
# They need $POSTHORN_BINARY (build/$arch/posthorn) and the initramfs of the tiny guest,
# $POSTHORN_GUEST ($LAB_GUEST_INITRD, see guest/linux/build).
#
# A test starts a guest, talks to the agent that runs in it (tests/lab/guest/agent) and ends it:
#   guest_start --device "$nic" && guest net-up && guest_end poweroff
# While the agent waits for the next command the guest is idle, so the counters of the host and of
# the guest can be compared.
#
# A file that needs more before or after has a setup_file(), setup() or teardown() of its own, which
# calls lab_setup_file, lab_setup or lab_teardown.

bats_require_minimum_version 1.5.0

# Seconds that a guest may take for a command, or to boot, before something is wrong.
patience=240

# As scripts/lab and the folders in build/ name the architecture.
arch=$(uname -m)
[ "$arch" != aarch64 ] || arch=arm64

# The kernel of the guests: that of the host, unless the guest's pages are of another size.
guest_kernel=${LAB_GUEST_KERNEL:-${LAB_KERNEL-}}/vmlinuz

lab_setup_file() {
	if [ -z "${LAB_KERNEL-}" ]; then
		echo "this is not the nested lab: see tests/lab/helpers.bash"
		return 1
	fi
	root=$(realpath "$BATS_TEST_DIRNAME/../..")
	posthorn=$(realpath "${POSTHORN_BINARY:-$root/build/$arch/posthorn}")
	initrd=$BATS_FILE_TMPDIR/initrd
	export root posthorn initrd
	"$root/guest/linux/build" --script "$root/tests/lab/guest/agent" "$initrd.script"
	# Unpacked once, not by each guest.
	zcat "${POSTHORN_GUEST:-${LAB_GUEST_INITRD-}}" >"$initrd"
	zcat "$initrd.script" >>"$initrd"
	# shellcheck disable=SC2086 # one word per device
	for device in ${LAB_DEVICES-}; do
		"$posthorn" bind "$device" || return
	done
}

setup_file() {
	lab_setup_file
}

# $devices are the lab's devices in the order of their options.
lab_setup() {
	# shellcheck disable=SC2206
	devices=(${LAB_DEVICES-})
	pid=''
	guest_prefix=()
	dmesg -C
}

setup() {
	lab_setup
}

# The same where the lab has a network card, a disk and a virtio-net, in this order. $report is a file.
lab_setup_three() {
	lab_setup
	nic=${devices[0]}
	disk=${devices[1]}
	virtio=${devices[2]}
	report=$BATS_TEST_TMPDIR/report
}

# What Linux says of faults that the SMMU reports, of its errors and of one that does not answer.
smmu_complaints='arm-smmu-v3 .*(event 0x|error|timeout)'

# No guest stays, and the host's kernel found nothing wrong.
lab_teardown() {
	if [ -n "$pid" ]; then
		kill -KILL "$pid" 2>/dev/null
		wait "$pid"
		cat "$BATS_TEST_TMPDIR/errors"
		tail -n 40 "$BATS_TEST_TMPDIR/console"
	fi
	if dmesg | grep -E "WARNING:|BUG:|Oops|Call Trace|DMAR:.*fault|$smmu_complaints"; then
		echo "the host's kernel complains (above)"
		return 1
	fi
}

teardown() {
	lab_teardown
}

# ---- hosts that are not ready: check.bats and errors.bats ----

# A user who may do nothing that others may not, but read what a guest needs: see files_open.
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all)

# Programs in front of another one, for a mount namespace of its own, in which a user namespace can be
# made. The tests are in a chroot, where the kernel makes none: so what is its root becomes the root of
# all. The command that prepares the mounts comes next, as for sh -c: it ends in exec "$@".
mounts_own=(chroot /proc/1/root /bin/busybox unshare -m /bin/busybox sh -c
	'cd /root && mount --move . / && exec chroot . sh -c "$@"' -)

# In front of a program, after $nobody or another user without rights: a user namespace in which he has
# the number 1000, and no capability.
userns=(unshare --user --map-user=1000 --map-group=1000 --keep-caps
	setpriv --ambient-caps=-all --inh-caps=-all --bounding-set=-all)

# expect_no_rights: does $pid have no capability, and a user namespace of its own? $state is its status.
expect_no_rights() {
	local set
	state=$(</proc/"$pid"/status)
	grep -E '^(Uid|Groups|Cap|NoNewPrivs|Seccomp:)' <<<"$state" | sed 's/^/# /' >&3
	# shellcheck disable=SC2012 # as it names them
	echo "# open: $(ls -l "/proc/$pid/fd" | sed -n 's/.* -> //p' | sort -u | xargs)" >&3
	for set in Inh Prm Eff Bnd Amb; do
		expect_text "Cap$set:	0000000000000000" "$state" || return
	done
	[ ! "/proc/$pid/ns/user" -ef /proc/self/ns/user ]
}

# The tree may be where only its owner gets to.
files_open() {
	local path files=("$guest_kernel" "$initrd" "$posthorn") folders=()
	for path in "${files[@]}"; do
		while [[ $path == /*/* ]]; do
			path=${path%/*}
			folders+=("$path")
		done
	done
	chmod a+r "${files[@]}"
	chmod a+x "${folders[@]}"
}

unready_setup_file() {
	lab_setup_file
	files_open
	# The lab loads drivers only for the devices that it gives addresses to.
	modprobe xhci-pci
}

# $nic and two functions of one device, $first and $second: those share an IOMMU group.
unready_setup() {
	lab_setup
	nic=${devices[0]}
	first=0000:00:1a.0
	second=0000:00:1a.1
}

# driver_is BDF DRIVER
driver_is() {
	[ "/sys/bus/pci/devices/$1/driver" -ef "/sys/bus/pci/drivers/$2" ]
}

# Mend what a test took away.
unready_teardown() {
	[ ! -e /run/kvm ] || mv /run/kvm /dev/kvm
	chmod 660 /dev/kvm
	chmod 600 /dev/vfio/*
	driver_is "$first" xhci_hcd || "$posthorn" unbind "$first"
	driver_is "$second" xhci_hcd || "$posthorn" unbind "$second"
	driver_is "$nic" vfio-pci || "$posthorn" bind "$nic"
	lab_teardown
}

# ---- guests ----

# What Linux does at its start and no test needs: it tests ciphers, and makes ready a source of random
# numbers, keys for the signatures of modules, types of BPF, and probes.
guest_quick=cryptomgr.notests
guest_quick+=' initcall_blacklist=jent_mod_init,crypto_kdf108_init,load_system_certificate_list'
guest_quick+=,bpf_tcp_ca_kfunc_init,bpf_dummy_struct_ops_init,init_kprobe_trace

# guest_command [OPTION]...: sets $command, the array to run a guest, by way of the program
# $guest_prefix. --cmdline TEXT is added to what every guest has; --memory is 256M if not given. With
# $POSTHORN_TEST_IOMMU, guests with devices take that interface, but where a test names one.
guest_command() {
	local cmdline="console=ttyS0 quiet panic=-1 $guest_quick" memory=256M options=()
	while [ $# -gt 0 ]; do
		case $1 in
		--cmdline)
			cmdline="$cmdline $2"
			shift
			;;
		--memory)
			memory=$2
			shift
			;;
		*) options+=("$1") ;;
		esac
		shift
	done
	case "${options[*]}" in
	*--iommu*) ;;
	*--device*) options+=(${POSTHORN_TEST_IOMMU:+--iommu "$POSTHORN_TEST_IOMMU"}) ;;
	esac
	command=("${guest_prefix[@]}" "$posthorn" run --kernel "$guest_kernel" --initrd "$initrd"
		--cmdline "$cmdline" --memory "$memory" "${options[@]}")
}

# guest_start [OPTION]...: start posthorn in the background and wait until the agent is ready. $pid
# is the process; $BATS_TEST_TMPDIR/console has what the guest printed, .../errors what posthorn did.
guest_start() {
	local command
	guest_command "$@"
	rm -f "$BATS_TEST_TMPDIR"/to "$BATS_TEST_TMPDIR"/from
	mkfifo "$BATS_TEST_TMPDIR/to" "$BATS_TEST_TMPDIR/from"
	: >"$BATS_TEST_TMPDIR/console"
	"${command[@]}" <"$BATS_TEST_TMPDIR/to" >"$BATS_TEST_TMPDIR/from" \
		2>"$BATS_TEST_TMPDIR/errors" 3>&- &
	pid=$!
	exec {to_guest}>"$BATS_TEST_TMPDIR/to" {from_guest}<"$BATS_TEST_TMPDIR/from"
	guest_expect 'agent: ready'
}

# refused OPTION...: run a guest that the host is not ready for, and which does not start: $stderr says
# why.
refused() {
	local command
	guest_command "$@"
	run --separate-stderr timeout -k 1 120 "${command[@]}" </dev/null
	expect_status 3
}

# guest_expect PATTERN: wait for a line that matches; it is then $line, and $lines_before are those
# before it.
guest_expect() {
	lines_before=()
	while IFS= read -r -t "$patience" -u "$from_guest" line; do
		line=${line%$'\r'}
		printf '%s\n' "$line" >>"$BATS_TEST_TMPDIR/console"
		# shellcheck disable=SC2053 # a pattern
		[[ $line != $1 ]] || return 0
		lines_before+=("$line")
	done
	echo "the guest did not say '$1'"
	return 1
}

# guest_send COMMAND: have the guest run a line of shell, and do not wait for it.
guest_send() {
	printf '%s\n' "$1" >&"$to_guest"
}

# guest_done: wait for the end of the command that was sent. What it printed is in $output; the
# exit code is the command's.
guest_done() {
	guest_expect 'agent: exit *' || return
	local code=${line#agent: exit }
	output=$(printf '%s\n' "${lines_before[@]}")
	[ "$code" -eq 0 ] && return
	echo "the guest's command ended with $code and printed: $output"
	return "$code"
}

# guest COMMAND: both.
guest() {
	guest_send "$1" && guest_done
}

# guest_end [COMMAND]: send the last command, or power off, and wait for posthorn: $status is its
# exit code.
guest_end() {
	guest_send "${1-poweroff -f}"
	guest_wait
}

# The same for a posthorn that ends anyhow.
guest_wait() {
	exec {to_guest}>&-
	# The console ends when posthorn does.
	timeout "$patience" cat <&"$from_guest" >>"$BATS_TEST_TMPDIR/console" || return
	exec {from_guest}<&-
	status=0
	wait "$pid" || status=$?
	pid=''
}

# expect_status CODE: is $status so?
expect_status() {
	[ "$status" -eq "$1" ] && return
	echo "exit code $status instead of $1"
	printf '%s\n' "${output-}" "${stderr-}"
	tail -n 20 "$BATS_TEST_TMPDIR/errors" "$BATS_TEST_TMPDIR/console" 2>/dev/null
	return 1
}

# expect_text TEXT WHERE: is TEXT in WHERE?
expect_text() {
	[[ $2 == *"$1"* ]] && return
	echo "'$1' is not in: $2"
	return 1
}

# ---- the network ----

# guest_pings COUNT [INTERVAL]: all come back.
guest_pings() {
	guest "ping -q -c $1 -i ${2-0.05} -W 5 10.0.2.2 | grep -F '$1 packets received'"
}

# host_pings BDF: the host's own driver has the device, and the gateway answers through it.
host_pings() {
	local interface
	interface=$(ls "/sys/bus/pci/devices/$1/net")
	"$root/guest/linux/net-up" "$interface"
	busybox ping -q -c 5 -i 0.05 -I "$interface" 10.0.2.2 | grep -F ' 0% packet loss'
	ip addr flush dev "$interface"
	ip link set "$interface" down
}

# traffic_start BDF: start a guest that uses the network card and does not stop.
traffic_start() {
	guest_start --device "$1"
	guest net-up
	guest_send 'echo begin; ping -q -i 0.001 10.0.2.2'
	guest_expect begin
}

# traffic_kill BDF: kill that one. The host's own driver gets the card back, and it works.
traffic_kill() {
	kill -KILL "$pid"
	guest_wait
	expect_status 137
	"$posthorn" unbind "$1"
	driver_is "$1" e1000e
	host_pings "$1"
	"$posthorn" bind "$1"
	driver_is "$1" vfio-pci
}

# ---- interrupts ----

# Rows of /proc/interrupts on standard input as "VECTOR COUNT", where COUNT is the sum over all
# CPUs. On the host the vector is in "vfio-msix[VECTOR](BDF)"; in the guest it comes after the name
# of the chip: "PCI-MSIX-0000:00:01.0 VECTOR-edge", on arm64 "ITS-PCI-MSIX-0000:00:01.0 VECTOR
# Edge". A row of INTx has none, and gets 0.
interrupts_sum() {
	awk '{
		count = 0
		vector = 0
		for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++)
			count += $i
		if (match($0, /\[[0-9]+\]\(/))
			vector = substr($0, RSTART + 1, RLENGTH - 3)
		else if (match($0, /PCI-MSIX?-[^ ]+ +/))
			vector = substr($0, RSTART + RLENGTH) + 0
		print vector, count
	}' | sort -n
}

# host_interrupts BDF: the rows.
host_interrupts() {
	grep -F "($1)" /proc/interrupts
}

# messages_count: count from now on (see trace_count) what KVM does with messages: those that it is
# given for a guest's local APIC, and the vectors that it makes the guest take. On arm64 KVM has no
# such tracepoints.
messages_count() {
	[ "$arch" = x86_64 ] || return 0
	trace_count kvm_msi_set_irq data
	trace_count kvm_inj_virq vector 'reinjected == 0'
}

# messages_taken MESSAGES VECTORS: the histograms. Of the vectors that messages were for (the low byte
# of their data), how many the guest took.
messages_taken() {
	awk '!/^{/ { next }
		NR == FNR { wanted[$3 % 256] = 1; next }
		$3 in wanted { sum += $NF }
		END { print sum + 0 }' <(echo "$1") <(echo "$2")
}

# interrupts_read BDF NAME: read at the same moment, as interrupts_sum prints them, $host_counts and
# $guest_counts (of NAME), and on x86-64, since messages_count, $messages_all and $taken_all. There is
# no such moment but when nothing moves: the guest is read before and after the host, until both
# readings agree. The e1000e driver makes its device interrupt every two seconds, traffic or not: the
# readings must not take so long.
interrupts_read() {
	local rows host_rows message_hits='' vector_hits=''
	for _ in {1..50}; do
		guest "grep $2 /proc/interrupts" || return
		rows=$output
		host_rows=$(</proc/interrupts)
		if [ "$arch" = x86_64 ]; then
			message_hits=$(<"$events/kvm_msi_set_irq/hist")
			vector_hits=$(<"$events/kvm_inj_virq/hist")
		fi
		guest "grep $2 /proc/interrupts" || return
		[ "$output" = "$rows" ] || continue
		guest_counts=$(interrupts_sum <<<"$rows")
		host_counts=$(grep -F "($1)" <<<"$host_rows" | interrupts_sum)
		messages_all=$(hits_sum <<<"$message_hits")
		taken_all=$(messages_taken "$message_hits" "$vector_hits")
		return
	done
	echo "the guest's interrupts never rest"
	return 1
}

# counts_difference BEFORE AFTER
counts_difference() {
	awk 'NR == FNR { before[$1] = $2; next } { print $1, $2 - before[$1] }' \
		<(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# counts_sum COUNTS
counts_sum() {
	awk '{ sum += $2 } END { print sum + 0 }' <<<"$1"
}

# ---- what KVM does ----

events=/sys/kernel/tracing/events/kvm

# trace_count EVENT KEY [FILTER]: count an event of KVM from now on. Call it while no guest runs: it
# patches the host kernel's code, and with QEMU before 8.1 an emulated processor that runs there can
# keep the half-done instruction (a breakpoint on x86-64), after which the kernel panics.
trace_count() {
	local trigger=$events/$1/trigger clear=
	! grep -q '^hist:' "$trigger" || clear=:clear
	echo "hist:keys=$2$clear${3:+ if $3}" >>"$trigger"
}

# trace_hits EVENT: how often it has come since.
trace_hits() {
	hits_sum <"$events/$1/hist"
}

# The same from the histogram on standard input.
hits_sum() {
	awk '/^{/ { sum += $NF } END { print sum + 0 }'
}
