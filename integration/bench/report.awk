# figures: lines "MEASURE SUBJECT VALUE UNIT", several a measure and subject. Writes the medians as JSON to `out` and prints a table.
{
	key = $1 " " $2
	if (!(key in n))
		order[++keys] = key
	value[key, ++n[key]] = $3
	unit[key] = $4
}

function median(key,   i, j, t) {
	for (i = 2; i <= n[key]; i++)
		for (j = i; j > 1 && value[key, j - 1] + 0 > value[key, j] + 0; j--) {
			t = value[key, j]
			value[key, j] = value[key, j - 1]
			value[key, j - 1] = t
		}
	return value[key, int((n[key] + 1) / 2)]
}

END {
	printf "%-26s %-12s %12s  %s\n", "measure", "subject", "median", "unit"
	printf "[" > out
	for (k = 1; k <= keys; k++) {
		split(order[k], part, " ")
		m = median(order[k])
		printf "%-26s %-12s %12s  %s (%d runs)\n", part[1], part[2], m, unit[order[k]], n[order[k]]
		printf "%s\n  {\"measure\": \"%s\", \"subject\": \"%s\", \"value\": %s, \"unit\": \"%s\"}", (k > 1 ? "," : ""), part[1], part[2], m, unit[order[k]] > out
	}
	print "\n]" > out
	if (!keys)
		exit 1
}
