# The fronts: one program a caller.
PROGRAM_NAMES += sampan
sampan_SOURCES := $(wildcard shim/cli/*.c shim/qmp/*.c shim/opts/*.c) $(VMM_SOURCES)
sampan_LIBS := $(VMM_LIBS) -ljansson
NEUTRAL_SOURCES += $(wildcard shim/qmp/*.c shim/opts/*.c)
NEUTRAL_LIBS := $(VMM_LIBS) -ljansson -lcmocka
TEST_SOURCES += $(wildcard shim/*/test/test_*.c)
