# What runs in the emulated host: the demo, the stories, the benchmarks.
PROGRAM_NAMES += bench-launch
bench-launch_SOURCES := integration/bench/launch.c

.PHONY: demo bench soak
demo: programs
	$(Q)integration/demo/run

bench: programs
	$(Q)integration/bench/run
#: make bench      boot time, guest entries and own memory beside QEMU's, under -icount: build/bench/result.json

soak: programs
	$(Q)integration/soak $(STORIES)
#: make soak       all stories with their full counts (hours), or STORIES="NAME..."; figures in build/soak/result
