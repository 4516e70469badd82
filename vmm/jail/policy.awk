# policy.awk: the table of allowed system calls, out of the comments at the calls:
#   /* syscall(loop,vcpu): epoll_ctl: watches come and go */
#   /* syscall(loop): ioctl(KVM_IRQ_LINE): an interrupt line rises or falls */
#   /* syscall(setup): openat, socket: made before the sandbox closes: on no list */
# One line for jail/policy.h's POLICY() each: kind of thread, call, what its argument must be, file, reason. A mark begins a comment or a line
# of one, and goes on until the comment ends or the next mark begins.
function rows(text, kinds, calls, why, n, m, i, j, kind, call, need) {
	if (!match(text, /^syscall\([a-z,]+\): [a-z0-9_]+(\([A-Z0-9_a-z]+\))?(, [a-z0-9_]+(\([A-Z0-9_a-z]+\))?)*: /))
		return fault("malformed: " text)
	kinds = calls = text
	sub(/^syscall\(/, "", kinds)
	sub(/\).*/, "", kinds)
	why = substr(text, RLENGTH + 1)
	calls = substr(text, 1, RLENGTH - 2)
	sub(/^[^:]*: /, "", calls)
	if (why ~ /syscall\(/)
		return fault("two marks in one, clang-format may have joined them: " text)
	if (why == "")
		return fault("no reason: " text)
	if (kinds == "setup")
		return
	gsub(/"/, "'", why)
	n = split(kinds, kind, ",")
	m = split(calls, call, ", ")
	for (i = 1; i <= n; i++) {
		if (kind[i] !~ /^(loop|vcpu|worker|opener)$/)
			return fault("no such kind of thread: " kind[i])
		for (j = 1; j <= m; j++) {
			need = "any"
			if (match(call[j], /\(.*\)/))
				need = substr(call[j], RSTART + 1, RLENGTH - 2)
			printf "POLICY(%s, %s, %s, \"%s\", \"%s\")\n", kind[i], base(call[j]), need, FILENAME, why
		}
	}
}

function base(call) {
	sub(/\(.*/, "", call)
	return call
}

function fault(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what >"/dev/stderr"
	failed = 1
}

function flush() {
	gsub(/[ \t]+/, " ", text)
	sub(/ $/, "", text)
	if (text != "")
		rows(text)
	text = ""
}

# A line of a comment, without its decoration.
function inside(line) {
	sub(/^[ \t]*(\*[ \t]+|\*$)?/, "", line)
	if (line ~ /^syscall\(/) {
		flush()
		text = line
	} else if (text != "") {
		text = text " " line
	}
}

FNR == 1 { comment = 0; text = "" }
{
	line = $0
	if (!comment) {
		at = index(line, "/*")
		if (!at)
			next
		comment = 1
		line = substr(line, at + 2)
	}
	end = index(line, "*/")
	inside(end ? substr(line, 1, end - 1) : line)
	if (end) {
		flush()
		comment = 0
	}
}
END { exit failed }
