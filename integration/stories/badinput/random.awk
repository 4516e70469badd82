# Writes 200 calls of the shell function "hostile", a line each: options of sampan run and others, values good, bad, long, of control
# bytes, of bad UTF-8. Its own generator: awk's differ between awks.
function below(n) {
	seed = (seed * 69069 + 12345) % 4294967296
	return int(seed / 65536) % n
}

function word(   kind, text, i) {
	kind = below(12)
	if (kind < 4)
		return values[1 + below(nvalues)]
	if (kind < 6)
		return values[1 + below(nvalues)] "," keys[1 + below(nkeys)] values[1 + below(nvalues)]
	if (kind == 6)
		return ",,"
	if (kind == 7) {
		for (i = below(400) * 10; i >= 0; i--)
			text = text "x"
		return text
	}
	if (kind == 8) {
		for (i = below(12); i >= 0; i--)
			text = text sprintf("%c", 1 + below(31) + (below(4) ? 0 : 32))
		gsub(/[\n\047]/, "\t", text)
		return text
	}
	if (kind == 9)
		return keys[1 + below(nkeys)] values[1 + below(nvalues)]
	if (kind == 10)
		return "-" below(100)
	return below(2) ? "" : "\303\251\342\202\254\360\237\230\200\303\050\300\257\377"
}

function quoted(text) { return "'" text "'" }

BEGIN {
	seed = 20
	noptions = split("kernel kernel initrd append cpus mem disk disk net vsock console virtio-console api name irqchip reboot no-rng rng-rate log-level log-file pid-file help frobnicate", options, " ")
	nvalues = split("random empty nowhere . / 0 1 2 -1 64 65 4294967296 18446744073709551615 18446744073709551616 32M 64M 1e9 9E disk /dev/zero /dev/null lo tap=lo tap=nosuch cid=3 cid=2 uds=v.sock fd=0 fd=1 fd=999 fd=0:0 stdio none file:o socket:s.sock fd:0 auto aia plic exit reset warn error a,b=c a,,b %s%n%s $(id) .. ../..", values, " ")
	nkeys = split("ro id= queues= io= max= shared prefault mergeable hugepages mac= mtu= vhost= cid= uds= fd= name= =", keys, " ")
	ncommands = split("run run run run run run run check ctl frobnicate", commands, " ")
	for (line = 1; line <= 200; line++) {
		text = "hostile " commands[1 + below(ncommands)]
		if (below(3))
			text = text " --kernel=random --mem=32M --console none"
		for (n = below(9); n > 0; n--) {
			if (below(6))
				text = text " --" options[1 + below(noptions)] (below(3) ? " " : "=")
			if (below(5))
				text = text quoted(word())
			text = text " "
		}
		print text
	}
}
