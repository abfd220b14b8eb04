# Gradus. `make gpt` trains a tiny GPT, `make test` proves the engine, `make help` lists the rest.
#
# Variants, each in a build directory of its own, so that they never mix:
#   make DEBUG=1                       debugger-friendly, with the standard library's assertions
#   make SANITIZE=address,undefined    any list of -fsanitize checks
#   make CXX=clang++                   another compiler
#   make LEVEL=0                       all at -O0, or another level, kernels included
#   make COVERAGE=1                    counts what runs; `make coverage` reads it
# `make fuzz` builds one of its own: clang, with libFuzzer's counters in all of the library.
# CPPFLAGS, CXXFLAGS and LDFLAGS are added to ours; V=1 shows the commands.

null    :=
space   := $(null) $(null)
comma   := ,

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# As many jobs as cores, unless the caller said how many.
CORES := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
ifeq ($(MAKELEVEL),0)
  MAKEFLAGS += -j$(CORES)
endif

# A thread that waits for others gives its core up soon: with libgomp's own 300,000 turns of waiting, a
# single busy program beside ours makes it fifty times slower, on two cores, instead of a little.
export GOMP_SPINCOUNT ?= 2000

# ---- Flags -------------------------------------------------------------------------------------

COMMON := -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -fopenmp -Iinclude -Isrc
LIBS   := -lfmt -ldl

ifeq ($(DEBUG),1)
  MODE := -Og -g -D_GLIBCXX_ASSERTIONS -DGRADUS_DEBUG=1
else ifdef COVERAGE
  MODE := -O0 --coverage -fprofile-abs-path -fprofile-update=atomic
else ifdef LEVEL
  MODE := -O$(LEVEL)
else ifdef SANITIZE
  MODE := -O1 -g1
else
  MODE := -O2
endif
ifdef SANITIZE
  MODE += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -DGRADUS_SANITIZE=1
endif

# GCC 12 at -O3 finds mistakes in its own std::string (its bug 105329) and in fmt that are none.
ifeq ($(LEVEL)$(findstring clang,$(CXX)),3)
  MODE += -Wno-restrict -Wno-stringop-overflow
endif

# Outside the kernels a * b + c is rounded twice on every machine, so that a schedule or a statistic
# is the same number on one with fused multiply-add (aarch64) as on one without.
PLAIN := -ffp-contract=off

# Kernels are optimised even when the rest is not. No -ffast-math: it may reorder sums, and then
# the result would depend on the compiler's mood. At -O1 the sanitizers take seconds for a kernel instead
# of minutes, and almost every line that is counted is still there; GCC forms fused multiply-adds there
# only when it is asked to.
WATCHED := $(if $(LEVEL),,$(SANITIZE)$(COVERAGE))
KERNEL := -O$(or $(LEVEL),$(if $(WATCHED),1,3)) -fno-math-errno -fno-trapping-math -fno-exceptions -Wno-psabi
ifneq ($(and $(WATCHED),$(if $(findstring clang,$(CXX)),,g++)),)
  KERNEL += -fexpensive-optimizations
endif

# clang takes minutes for a kernel that AddressSanitizer and UndefinedBehaviorSanitizer watch, g++ half a
# minute: with clang they are left out. libFuzzer's programs run for hours: the rest is optimised as well.
CHECKS := $(subst $(comma), ,$(SANITIZE))
ifneq ($(and $(findstring clang,$(CXX)),$(filter address undefined,$(CHECKS))),)
  KERNEL += -O3 -fno-sanitize=all
endif
ifneq ($(findstring fuzzer,$(SANITIZE)),)
  PLAIN += -O2
endif

# libomp keeps what it allocated, and without Archer, which tells ThreadSanitizer of its barriers,
# correct code is full of races.
ifneq ($(findstring clang,$(CXX)),)
  ifneq ($(filter address leak,$(CHECKS)),)
    export LSAN_OPTIONS := suppressions=$(CURDIR)/.make/sanitizers.supp:print_suppressions=0
  endif
  ifeq ($(SANITIZE),thread)
    export OMP_TOOL_LIBRARIES := $(shell $(CXX) -print-resource-dir)/../../libarcher.so
    export TSAN_OPTIONS := ignore_noninstrumented_modules=1
  endif
endif

# A kernel source is compiled once for each instruction set; the program picks one when it starts.
MACHINE := $(or $(CROSS),$(shell $(CXX) -dumpmachine 2>/dev/null),$(shell uname -m))
ISAS    := portable
ifneq ($(filter x86_64% amd64%,$(MACHINE)),)
  ISAS   += avx2 avx512
  COMMON += -DGRADUS_X86=1
endif
# No more than src/kernels/dispatch.cpp asks the CPU for.
ISA_portable :=
ISA_avx2     := -mavx2 -mfma
ISA_avx512   := $(ISA_avx2) -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mprefer-vector-width=512

# For another machine, whose programs run in $(RUN): there is no library for it to link. GoogleTest
# comes as sources, and fmt as headers, which one source turns into what libfmt would hold. GCC's notes on
# how vectors are passed between functions compiled by its older versions are of no use to us.
GTEST := -lgtest_main -lgtest -pthread
ifdef CROSS
  COMMON += -idirafter /usr/include -Wno-psabi
  LIBS    = $(B)/cross/fmt.o -ldl
  GTEST   = $(B)/cross/gtest-all.o $(B)/cross/gtest_main.o -pthread
endif

COMPILE = $(CXX) $(COMMON) $(MODE) $(CPPFLAGS) $(CXXFLAGS)
LINK    = $(CXX) -fopenmp $(MODE) $(LDFLAGS)

# ---- What is built, and where ------------------------------------------------------------------

# build/ for plain g++, build/clang++-debug/ and the like for the variants.
VARIANT := $(filter-out g++ c++,$(notdir $(CXX))) $(if $(filter 1,$(DEBUG)),debug) $(subst $(comma),-,$(SANITIZE)) \
           $(LEVEL:%=O%) $(if $(COVERAGE),coverage)
VARIANT := $(subst $(space),-,$(strip $(VARIANT)))
B       := build$(if $(VARIANT),/$(VARIANT))

find    = $(sort $(shell find $(1) -name '*.cpp' 2>/dev/null))
objects = $(patsubst %.cpp,$(B)/obj/%.o,$(1))

KERNELS  := $(wildcard src/kernels/isa/*.cpp) src/kernels/ladder/vectors.cpp
SOURCES  := $(filter-out $(KERNELS),$(call find,src))
LESSONS  := $(wildcard lessons/[0-9][0-9]_*.cpp)
STAGE    := $(filter-out $(LESSONS),$(wildcard lessons/*.cpp))
BENCHES  := $(wildcard tests/bench/*.cpp)
BENCH_MAINS := tests/bench/report.cpp tests/bench/google.cpp
LAB_MAINS := $(addprefix tests/laboratory/,exercise.cpp gradcheck.cpp museum.cpp puzzle.cpp tokenize.cpp) tests/mutation/mutate.cpp tests/io/exchange.cpp
TESTS    := $(filter-out tests/bench/% tests/reference/% tests/race/% tests/fuzz/fuzzer.cpp tests/fuzz/breaks.cpp $(LAB_MAINS),$(call find,tests))
# The tests that depend on compiler, machine and threads most: the kernels, the invariants, the gradients
# of all ops and layers, what trains. They are a program of their own, for where all would take hours.
CORE_TESTS := $(wildcard tests/kernels/*.cpp tests/gradcheck/*.cpp tests/optim/*.cpp) \
              $(wildcard tests/ops/table_*.cpp tests/invariants*.cpp) $(addprefix tests/,ops/op_table.cpp ops/op_table_test.cpp \
              nn/module_table.cpp nn/module_table_test.cpp gemm_test.cpp random_test.cpp storage_test.cpp models/trainer_test.cpp sanitizer_options.cpp)
# Tests that start threads of their own: ThreadSanitizer watches them as well as the core tests.
THREAD_TESTS := $(addprefix tests/,io/file_test.cpp graph_test.cpp anomaly_test.cpp)
# Where a learner's own work goes; never cleaned, never overwritten.
SCRATCH   ?= scratch
# What the programs of the laboratory are made of: the tables of cases that the tests use, and more.
LAB_gradcheck := $(wildcard tests/ops/op_table.cpp tests/ops/table_*.cpp) tests/nn/module_table.cpp tests/laboratory/nearest.cpp tests/laboratory/gradcheck_float32.cpp
EXHIBITS      := tests/laboratory/workshop.cpp $(filter-out %_test.cpp,$(wildcard tests/laboratory/exhibits*.cpp))
LAB_mutate    := $(LAB_gradcheck) tests/laboratory/workshop.cpp tests/mutation/mutants.cpp
LAB_puzzle    := $(EXHIBITS)
LAB_museum    := $(EXHIBITS) tests/laboratory/show.cpp tests/laboratory/nearest.cpp
LAB_exercise  := tests/laboratory/exercise_file.cpp tests/laboratory/nearest.cpp
# What libFuzzer's programs are made of, each of its own sources and those that all share.
FUZZ_TARGETS      := safetensors npy checkpoint tokenizers command_line graphs
FUZZ_SHARED       := tests/fuzz/files.cpp
FUZZ_command_line := tests/fuzz/command_line.cpp tests/fuzz/breaks.cpp $(STAGE)
FUZZ_graphs       := $(wildcard tests/fuzz/graph/*.cpp) tests/sanitizer_options.cpp
FUZZ_PROGRAMS      = $(FUZZ_TARGETS:%=$(B)/fuzz/%)
FUZZ_SOURCES      := $(FUZZ_SHARED) $(FUZZ_graphs) $(FUZZ_TARGETS:%=tests/fuzz/%.cpp) tests/fuzz/breaks.cpp
EXERCISES      := $(wildcard lessons/exercises/[0-9][0-9]_*.cpp)
EXERCISE_CHECK := lessons/exercises/check.cpp lessons/exercises/exercise.cpp

KERNEL_OBJECTS  := $(foreach isa,$(ISAS),$(KERNELS:%.cpp=$(B)/obj/%.$(isa).o))
LIBRARY_OBJECTS := $(call objects,$(SOURCES)) $(KERNEL_OBJECTS)
LIBRARY         := $(B)/libgradus.a
BROKEN   := $(wildcard lessons/broken/*.cpp)
LESSON_PROGRAMS := $(LESSONS:%.cpp=$(B)/%)
BENCH_PROGRAMS  := $(BENCH_MAINS:tests/%.cpp=$(B)/%)
LAB_PROGRAMS    := $(LAB_MAINS:tests/%.cpp=$(B)/%)
EXERCISE_TESTS  := $(B)/exercises/stubs.o $(B)/exercises/solutions.o
TEST_PROGRAM    := $(B)/tests/gradus_tests
CORE_PROGRAM    := $(B)/tests/core_tests
THREAD_PROGRAM  := $(B)/tests/thread_tests
OBJECTS         := $(LIBRARY_OBJECTS) $(call objects,$(LESSONS) $(BROKEN) $(STAGE) $(TESTS) $(FUZZ_SOURCES) $(LAB_MAINS) $(BENCHES) tests/race/planted_race.cpp) \
                   $(call objects,$(EXERCISE_CHECK) lessons/exercises/main.cpp) $(FUZZ_TARGETS:%=$(B)/obj/tests/fuzz/fuzzer.%.o)
ALL_OBJECTS     := $(OBJECTS) $(EXERCISE_TESTS)
DESCRIBED       := $(OBJECTS) $(call objects,$(EXERCISES))

Q   := $(if $(V),,@)
say  = $(if $(V),,@echo "  $(1)")

# ---- Rules -------------------------------------------------------------------------------------

all: $(LIBRARY) $(LESSON_PROGRAMS) ## Build the library and the lessons

$(B)/obj/%.o: %.cpp $(B)/flags | $(B)/ready-gpt
	$(call say,compile $<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(PLAIN) -MMD -MP -c $< -o $@

# Rungs of lesson 4 that work on single numbers: optimised, but never into vectors, which are a later rung.
$(call objects,src/kernels/ladder/loops.cpp): private PLAIN += -O2 -fno-tree-vectorize -fno-tree-slp-vectorize

define kernel_rule
$(B)/obj/%.$(1).o: %.cpp $(B)/flags | $(B)/ready-gpt
	$$(call say,compile $$< for $(1))
	$(Q)mkdir -p $$(@D)
	$(Q)$$(COMPILE) $(KERNEL) $(ISA_$(1)) -DGRADUS_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call kernel_rule,$(isa))))

$(LIBRARY): $(LIBRARY_OBJECTS) $(B)/sources
	$(call say,archive $@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIBRARY_OBJECTS)

$(LESSON_PROGRAMS): $(B)/lessons/%: $(B)/obj/lessons/%.o $(B)/obj/lessons/broken/%.o $(call objects,$(STAGE)) $(LIBRARY)
	$(call say,link $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) $^ $(LIBS) -o $@

# The rivals are optional: a benchmark is built with those whose headers are there.
PEERS := dnnl:ONEDNN:dnnl.h openblas:OPENBLAS:cblas.h
peer_flags = $(foreach peer,$(PEERS),$(call peer_flag,$(subst :, ,$(peer))))
peer_flag  = $(shell echo '\#include <$(word 3,$(1))>' | $(CXX) $(CPPFLAGS) -E -x c++ - >/dev/null 2>&1 && echo -DGRADUS_PEER_$(word 2,$(1))=1)
peer_libs  = $(foreach peer,$(PEERS),$(if $(call peer_flag,$(subst :, ,$(peer))),-l$(firstword $(subst :, ,$(peer)))))
$(call objects,$(BENCHES)): private PLAIN += -Itests $(peer_flags)
$(call objects,$(BENCHES)): $(B)/peers
$(B)/peers: | $(B)/ready-peers
$(BENCH_PROGRAMS): $(B)/%: $(B)/obj/tests/%.o $(call objects,$(filter-out $(BENCH_MAINS),$(BENCHES))) $(LIBRARY)
	$(call say,link $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) $^ $(LIBS) $(peer_libs) $(if $(filter %google,$@),-lbenchmark -pthread) -o $@

$(TEST_PROGRAM): $(call objects,$(TESTS) $(STAGE) $(EXERCISE_CHECK)) $(EXERCISE_TESTS) $(LIBRARY) $(B)/sources
	$(call say,link $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) $(filter %.o %.a,$^) $(LIBS) $(GTEST) -o $@

$(CORE_PROGRAM): $(call objects,$(CORE_TESTS)) $(LIBRARY) $(B)/sources $(if $(CROSS),$(filter %.o,$(LIBS) $(GTEST)))
	$(call say,link $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) $(call objects,$(CORE_TESTS)) $(LIBRARY) $(LIBS) $(GTEST) -o $@
$(THREAD_PROGRAM): $(call objects,$(CORE_TESTS) $(THREAD_TESTS)) $(LIBRARY) $(B)/sources
	$(call say,link $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) $(filter %.o %.a,$^) $(LIBS) $(GTEST) -o $@
$(B)/race: $(call objects,tests/race/planted_race.cpp) $(LIBRARY)
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(B)/cross/gtest%.o: /usr/src/googletest/googletest/src/gtest%.cc $(B)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -w -I/usr/src/googletest/googletest -c $< -o $@
$(B)/cross/fmt.o: $(B)/flags
	$(Q)mkdir -p $(@D)
	$(Q)echo '#include <fmt/format.h>' | $(COMPILE) -DFMT_HEADER_ONLY -fkeep-inline-functions -x c++ -c - -o $@

$(LAB_PROGRAMS): $(B)/%: $(B)/obj/tests/%.o $(LIBRARY)
	$(call say,link $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) $(filter %.o,$^) $(LIBRARY) $(LIBS) -lgtest -pthread -o $@
$(foreach program,$(LAB_PROGRAMS),$(eval $(program): $(call objects,$(LAB_$(notdir $(program))))))

# A fuzz program has libFuzzer's main. It links only what its target needs, for libFuzzer looks at
# every counter of the program after every input.
$(B)/obj/tests/fuzz/fuzzer.%.o: tests/fuzz/fuzzer.cpp $(B)/flags | $(B)/ready-gpt
	$(call say,compile $< for $*)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(PLAIN) -Itests -DGRADUS_FUZZ_TARGET=$* -MMD -MP -c $< -o $@
$(FUZZ_PROGRAMS): $(B)/fuzz/%: $(B)/obj/tests/fuzz/fuzzer.%.o $(call objects,$(FUZZ_SHARED)) $(LIBRARY)
	$(call say,link $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer $(filter %.o,$^) $(LIBRARY) $(LIBS) -o $@
$(foreach target,$(FUZZ_TARGETS),$(eval $(B)/fuzz/$(target): $(call objects,tests/fuzz/$(target).cpp $(FUZZ_$(target)))))

# Where numbers of an input are compared, libFuzzer watches the comparisons, to try those numbers. In
# the other sources that is of no use, and takes a third of the time.
ifneq ($(findstring fuzzer,$(SANITIZE)),)
  NO_NUMBERS := $(filter-out src/io/%,$(SOURCES)) $(STAGE) $(FUZZ_graphs) $(FUZZ_TARGETS:%=tests/fuzz/%.cpp)
  $(call objects,$(NO_NUMBERS)): private PLAIN += -fno-sanitize-coverage=trace-cmp
endif

# How the workshop makes gradcheck of changed sources: they are compiled often and compute little.
$(B)/laboratory/toolchain: $(B)/flags $(B)/laboratory/gradcheck
	$(Q){ echo 'compile $(COMPILE) $(PLAIN) -O0 -g0 -w'; \
	  $(foreach isa,$(ISAS),echo 'kernel $(filter-out -O3,$(KERNEL)) $(ISA_$(isa)) -DGRADUS_ISA=$(isa)';) \
	  echo 'link $(LINK)'; \
	  echo 'objects $(call objects,tests/laboratory/gradcheck.cpp $(LAB_gradcheck)) $(LIBRARY) $(LIBS) -lgtest -pthread'; } > $@

# A learner's exercise is compiled and linked in one go, by the program that checks it: a stub has
# parameters that it does not use yet.
EXERCISE_FLAGS  := -Ilessons -O0 -Wno-unused-parameter
EXERCISE_OBJECTS := $(call objects,$(EXERCISE_CHECK) lessons/exercises/main.cpp)
FEW_ERRORS       = $(if $(findstring clang,$(CXX)),-ferror-limit=3,-fmax-errors=3)
EXERCISE_COMPILE = $(COMPILE) $(EXERCISE_FLAGS) $(FEW_ERRORS) @source@ $(EXERCISE_OBJECTS) $(LIBRARY) $(LDFLAGS) $(LIBS) -o @program@
$(EXERCISE_OBJECTS): private PLAIN += -Ilessons $(if $(filter -O2,$(MODE)),-O1)
$(call objects,tests/laboratory/exercise_test.cpp): private PLAIN += -Ilessons
$(call objects,$(EXERCISES)): private PLAIN += $(EXERCISE_FLAGS)

# The tests hold all stubs and all solutions, each kind as one file.
CUTTER := $(call objects,tests/laboratory/exercise.cpp tests/laboratory/exercise_file.cpp)
$(B)/exercises/stubs.cpp: $(EXERCISES) $(CUTTER) $(B)/sources | $(B)/laboratory/exercise
	$(call say,cut the solutions out of the exercises)
	$(Q)$(B)/laboratory/exercise for-tests $(B)/exercises
$(B)/exercises/solutions.cpp: $(B)/exercises/stubs.cpp ;
$(EXERCISE_TESTS): %.o: %.cpp $(B)/flags
	$(call say,compile $<)
	$(Q)$(COMPILE) $(PLAIN) $(EXERCISE_FLAGS) -I. -MMD -MP -c $< -o $@

# Programs of the laboratory that tests run, and what those compile with; what tests install and read.
TEST_NEEDS := $(addprefix $(B)/,laboratory/toolchain laboratory/puzzle laboratory/exercise laboratory/tokenize exercises/compile) $(EXERCISE_OBJECTS) \
              $(B)/gradus.pc $(B)/compile_commands.json

# A test is compiled often and runs briefly: optimising it less saves a quarter of the wait, or half of
# it with sanitizers.
TEST_LEVEL := $(if $(findstring fuzzer,$(SANITIZE)),,$(if $(SANITIZE),-O0,$(if $(filter -O2,$(MODE)),-O1)))
$(call objects,$(TESTS) $(LAB_MAINS) tests/fuzz/breaks.cpp): private PLAIN += -Itests $(TEST_LEVEL)
$(call objects,$(filter-out $(FUZZ_SOURCES),$(TESTS)) $(LAB_MAINS)): | $(B)/ready-test

# GCC 12 under AddressSanitizer finds its own <regex> uninitialised.
$(call objects,tests/mutation/mutants.cpp tests/mutation/mutate.cpp tests/data/tokenizers_page_test.cpp): private PLAIN += $(if $(findstring clang,$(CXX)),,-Wno-maybe-uninitialized)

# A lesson is changed often and computes little outside the library.
$(call objects,$(LESSONS) $(BROKEN)): private PLAIN += $(if $(filter -O2,$(MODE)),-O0)

# These files change only when their text does: new flags compile everything again, a source that
# came or went links again, and so do the benchmarks with a rival that was installed or removed.
$(B)/flags: TEXT = $(COMPILE) $(PLAIN) $(KERNEL) $(foreach isa,$(ISAS),$(ISA_$(isa)))
$(B)/sources: TEXT = $(SOURCES) $(KERNELS) $(TESTS) $(EXERCISES)
$(B)/peers: TEXT = $(peer_flags)
$(B)/exercises/compile: TEXT = $(EXERCISE_COMPILE)
$(B)/flags $(B)/sources $(B)/peers $(B)/exercises/compile: FORCE
	@mkdir -p $(@D)
	@echo '$(TEXT)' | cmp -s - $@ || echo '$(TEXT)' > $@

# Whether the machine has what a stage needs is checked once for each variant. Tests need more than
# the main job and ask first when they are wanted; never two at a time, for apt-get would not like it.
$(B)/ready-%: .make/bootstrap.sh
	@CXX='$(CXX)' SANITIZE='$(SANITIZE)' FLAGS='$(CPPFLAGS) $(CXXFLAGS)' LDFLAGS='$(LDFLAGS)' \
	  CLANG_FORMAT='$(CLANG_FORMAT)' bash .make/bootstrap.sh $*
	@mkdir -p $(@D) && touch $@
$(B)/ready-lint $(B)/ready-bench: | $(B)/ready-gpt
$(B)/ready-peers: | $(B)/ready-bench
$(B)/ready-docs $(B)/ready-coverage: | $(B)/ready-gpt
$(B)/ready-browser: | $(B)/ready-docs
NEED_TEST := ready test test-core tsan-here coverage-here gradcheck bench-loop museum mutate puzzle puzzle-check exercise exercise-check exercise-solution tokenize contracts reference op-list ulps exchange
$(B)/ready-gpt:  | $(if $(filter $(NEED_TEST),$(MAKECMDGOALS)),$(B)/ready-test)

# What a program outside needs to build against the installed library, wherever that is moved to.
VERSION := 0.1.0
$(B)/gradus.pc: Makefile $(B)/flags
	@printf '%s\n' 'prefix=$${pcfiledir}/../..' 'Name: gradus' \
	  'Description: Autograd tensor library that is written to be read' 'Version: $(VERSION)' \
	  'Cflags: -std=c++20 -fopenmp -I$${prefix}/include' \
	  'Libs: -L$${prefix}/lib -lgradus -fopenmp $(if $(SANITIZE),-fsanitize=$(SANITIZE) )-lfmt' > $@

# Every public header is the first and only one of a source, and sees no directory of ours but include/.
HEADERS := $(shell find include -name '*.h')
HEADER_OBJECTS := $(HEADERS:%.h=$(B)/alone/%.o)
$(HEADER_OBJECTS): $(B)/alone/include/%.o: include/%.h $(B)/flags | $(B)/ready-gpt
	$(call say,compile $< alone)
	$(Q)mkdir -p $(@D) && echo '#include "$*.h"' > $(@:.o=.cpp)
	$(Q)$(filter-out -Isrc,$(COMPILE)) -O0 -Werror -MMD -MP -c $(@:.o=.cpp) -o $@

# The commands that make itself would run, for clangd and other tools that read code.
$(B)/compile_commands.json: .make/compile_commands.awk Makefile $(B)/flags $(B)/sources
	@$(MAKE) -nB V=1 --no-print-directory $(DESCRIBED) | awk -v dir='$(CURDIR)' -f $< > $@

-include $(ALL_OBJECTS:.o=.d) $(HEADER_OBJECTS:.o=.d)

# ---- Things to do ------------------------------------------------------------------------------

gpt: $(B)/lessons/15_gpt ## Train a tiny GPT and let it write; ARGS="--data shakespeare", ARGS=--help
	@$< $(ARGS)

test: $(TEST_PROGRAM) $(LESSON_PROGRAMS) $(TEST_NEEDS) ## Run all tests; FILTER='Softmax*' runs some of them
	@GRADUS_BUILD=$(B) bash .make/test.sh $(TEST_PROGRAM) '$(FILTER)'

# All of these in one go would take hours; they are for another compiler, machine or level.
test-core: $(CORE_PROGRAM) ## Run the tests of kernels, gradients, invariants and training only
	@GRADUS_BUILD=$(B) bash .make/test.sh $(CORE_PROGRAM) '$(FILTER)'

CLANG ?= clang++
tsan: ## Look for data races: ThreadSanitizer over the core tests and those with threads, once it has found a planted race
	@$(MAKE) --no-print-directory ready CXX='$(CLANG)' SANITIZE=thread
	@$(MAKE) --no-print-directory tsan-here CXX='$(CLANG)' SANITIZE=thread
ready: | $(B)/ready-test  # first: what may be installed just now is looked for when make starts
tsan-here: $(B)/race $(THREAD_PROGRAM)
	@bash .make/race.sh $(B)/race
	@OMP_NUM_THREADS=2 GRADUS_BUILD=$(B) bash .make/test.sh $(THREAD_PROGRAM) '$(FILTER)'

# QEMU runs one program: a test that starts another of this kind would need it registered in the kernel.
AARCH64    := aarch64-linux-gnu
AS_AARCH64 := CROSS=$(AARCH64) CXX=$(AARCH64)-g++ AR=$(AARCH64)-ar RUN='qemu-aarch64-static -L /usr/$(AARCH64)'
aarch64: ## Build the core tests for ARM and run them in QEMU
	@$(MAKE) --no-print-directory ready $(AS_AARCH64)
	@$(MAKE) --no-print-directory test-core $(AS_AARCH64) FILTER='$(or $(FILTER),-*DeathTest*)'

# Branches that only an exception takes are left out: every call has one. Tests that start compilers are
# left out, those of processes that are killed, for such a process writes down nothing of what it ran, and
# the contracts and pages of lessons that train, minutes each where kernels count the turns of their loops:
# they take most of the time, and run no line that others do not. FILTER and TARGET as for test.
LEFT_OUT := $(subst $(space),:,*/MuseumTest.* Museum.* WorkshopTest.* Puzzle.* ExerciseProgram.* Install.* CompileCommands.* \
            KilledTraining.* $(foreach lesson,12 13 15,*/LessonContract.*/$(lesson)_* */EveryLesson.*/Lesson$(lesson)_*))
GCOVR = gcovr --root . --filter src/ --object-directory $(B)/obj --exclude-throw-branches --exclude-unreachable-branches
coverage: ## How much of src/ the tests run; lists what they do not; pages in build/coverage/html
	@[ ! -d build ] || find build -name '*.gcda' -delete  # what earlier runs counted
	@$(MAKE) --no-print-directory coverage-here COVERAGE=1 FILTER='$(or $(FILTER),-$(LEFT_OUT))'
coverage-here: $(or $(TARGET),test) | $(B)/ready-coverage
	@mkdir -p $(B)/html
	@$(GCOVR) -j $(CORES) --json $(B)/coverage.json --html-details $(B)/html/index.html $(B)/obj
	@python3 .make/coverage.py $(B)/coverage.json tests/coverage/gaps.txt

LEVELS := 0 1 2 3
levels: ## Run the core tests at -O0, -O1, -O2 and -O3, kernels included; TARGET=test runs all
	@for level in $(LEVELS); do echo "-O$$level"; $(MAKE) --no-print-directory $(or $(TARGET),test-core) LEVEL=$$level || exit; done

gradcheck: $(B)/laboratory/gradcheck ## Check the gradients of all ops, or of one: OP=softmax; DTYPE=float32
	@$< $(OP) $(if $(DTYPE),--dtype $(DTYPE))

ASK_PUZZLE = GRADUS_BUILD=$(B) $< --scratch '$(SCRATCH)'
puzzle: $(B)/laboratory/puzzle $(B)/laboratory/toolchain ## Find the bug: N=7 breaks a copy of a source; HINT=1..3, LIST=1
	@$(ASK_PUZZLE) $(if $(LIST),list,open $(N) $(if $(HINT),--hint $(HINT)))

puzzle-check: $(B)/laboratory/puzzle $(B)/laboratory/toolchain ## Say whether your copy is mended; N as above, or the newest
	@$(ASK_PUZZLE) check $(N)

museum: $(B)/laboratory/museum $(B)/laboratory/toolchain ## Show that gradient checks catch every planted mistake; ARGS=--help
	@GRADUS_BUILD=$(B) $< $(ARGS)

# The whole library once more, in build/fuzz. OpenMP's threads would only wait for each other.
FUZZ_CXX  := $(if $(findstring clang,$(CXX)),$(CXX),clang++)
FUZZ_LIST := $(if $(TARGET),$(TARGET),$(FUZZ_TARGETS))
SECONDS   ?= 60
fuzz: ## Feed random input to readers, flags and ops: SECONDS=60 each, RUNS=1000000, TARGET=npy
	@$(if $(filter-out $(FUZZ_TARGETS),$(FUZZ_LIST)),echo "There is no target $(filter-out $(FUZZ_TARGETS),$(FUZZ_LIST)); there are: $(FUZZ_TARGETS)." >&2; exit 1)
	@$(MAKE) --no-print-directory CXX=$(FUZZ_CXX) SANITIZE=fuzzer-no-link,address,undefined B=build/fuzz $(FUZZ_LIST:%=build/fuzz/fuzz/%)
	@bash .make/fuzz.sh build/fuzz '$(SECONDS)' '$(RUNS)' $(FUZZ_LIST)

bench-loop: $(B)/laboratory/gradcheck ## Measure the seconds from saving an op to its checked gradients; LOOP=conv2d:conv
	@MAKEFLAGS= bash .make/bench_loop.sh $(LOOP)

mutate: $(B)/mutation/mutate $(B)/laboratory/toolchain ## Change backward in hundreds of places: what do the gradient checks not notice?
	@GRADUS_BUILD=$(B) $< $(ARGS)

ASK = --scratch '$(SCRATCH)' --programs $(B)/exercises
exercise: $(B)/laboratory/exercise ## Write a backward yourself: N=8 or N=softmax begins one, no N lists all
	@$< open $(N) $(ASK)

exercise-check: $(B)/laboratory/exercise $(B)/exercises/compile $(EXERCISE_OBJECTS) $(LIBRARY) ## Check your exercise; N as above, or the newest; HINT=1
	@$< check $(N) $(ASK) $(if $(HINT),--hint) --compile "$$(cat $(B)/exercises/compile)"

exercise-solution: $(B)/laboratory/exercise ## Show our solution of an exercise, and why it is right
	@$< solution $(N) $(ASK)

tokenize: $(B)/laboratory/tokenize ## Learn byte pair encoding from a text, or show a text's pieces; ARGS=--help
	@$< $(ARGS)

lesson-%: ## Run the lesson of that number, as in `make lesson-15 ARGS=--quick`
	@$(if $^,$^ $(ARGS),echo "There is no lesson $*; the numbers have two digits: $(sort $(foreach program,$(LESSON_PROGRAMS),$(firstword $(subst _, ,$(notdir $(program))))))." >&2; exit 1)
$(foreach program,$(LESSON_PROGRAMS),$(eval lesson-$(firstword $(subst _, ,$(notdir $(program)))): $(program)))

lessons: $(LESSON_PROGRAMS) ## Run every lesson with --quick and show which succeed
	@bash .make/lessons.sh $(LESSON_PROGRAMS)

contracts: $(TEST_PROGRAM) $(LESSON_PROGRAMS) ## Write lessons/expected anew: what lessons print, and tests compare
	@GRADUS_WRITE_CONTRACTS=1 GRADUS_BUILD=$(B) bash .make/test.sh $(TEST_PROGRAM) '*LessonContract*'

PYTHON ?= python3
bench: $(BENCH_PROGRAMS) ## Measure the kernels and training steps beside limits and rivals; ARGS=--help, PYTHON=one with PyTorch
	@$(B)/bench/report --python '$(PYTHON)' --into $(B)/bench.md $(ARGS)

# A lesson that has a chapter makes the chapter's pictures and a page of its own, again when it has changed.
CHAPTERS := $(shell grep -ls '\\page lesson_' $(LESSONS))
PICTURES := $(CHAPTERS:lessons/%.cpp=build/docs/made/%)
$(PICTURES): build/docs/made/%: $(B)/lessons/% | $(B)/ready-docs
	$(call say,pictures of $*)
	$(Q)mkdir -p build/docs/made build/docs/pictures build/docs/pages
	$(Q)$< --quick --pictures build/docs/pictures --html build/docs/pages/$*.html > $@ || { cat $@; exit 1; }

docs: $(PICTURES) | $(B)/ready-docs ## Make the documentation: a site that is read from its files
	@bash docs/site/build.sh

# Debian's own Python is the one that has python3-selenium.
docs-check: docs | $(B)/ready-browser ## Read the whole site in headless Chromium
	@$(or $(wildcard /usr/bin/python3),python3) docs/site/check.py $(ARGS)

data: ## Fetch tinyshakespeare into data/ (or copy it from $GRADUS_DATA)
	@bash data/fetch.sh

need_pytorch = $(PYTHON) -c 'import torch, numpy, safetensors' 2>/dev/null || { \
  echo "$(PYTHON) lacks PyTorch: pip install torch numpy safetensors, or PYTHON=another one" >&2; exit 1; }

reference: $(TEST_PROGRAM) op-list ## Let PyTorch evaluate the table of ops again; PYTHON=... to choose one that has it
	@$(need_pytorch)
	@$(call quietly,OpTable.WritesTheCasesForPyTorch)
	@$(PYTHON) tests/reference/make_reference.py $(B)/ops_*.cases.safetensors

exchange: $(B)/io/exchange ## Exchange files with PyTorch, NumPy and Hugging Face's library; PYTHON=... that has them
	@$(need_pytorch)
	@$(PYTHON) tests/reference/exchange.py $< $(ARGS)

op-list: $(TEST_PROGRAM) ## Write docs/ops.md, the list of ops, from the table of cases
	@$(call quietly,OpTable.TheListInTheDocumentationIsMadeFromIt) || true
	@cp $(B)/ops.md docs/ops.md

ulps: $(TEST_PROGRAM) ## Print the worst float32 error of every op, in units in the last place
	@$(TEST_PROGRAM) --gtest_brief=1 --gtest_filter=Float32.TheWorstErrorOfEveryOpInUlps > $(B)/ulps.txt; \
	  status=$$?; sed '/^Running main/d; /^\[/d' $(B)/ulps.txt; exit $$status

quietly = GRADUS_BUILD=$(B) $(TEST_PROGRAM) --gtest_brief=1 --gtest_filter=$(1) > /dev/null

CLANG_FORMAT ?= clang-format
CODE = $(shell find include src lessons tests -name '*.cpp' -o -name '*.h' 2>/dev/null)

lint: layers headers | $(B)/ready-lint ## Check the formatting of all C++ files, the layers and the headers
	@$(CLANG_FORMAT) --dry-run -Werror $(CODE)

format: | $(B)/ready-lint ## Format all C++ files
	@$(CLANG_FORMAT) -i $(CODE)

layers: $(KERNEL_OBJECTS) ## Check that includes point one way and kernels export only their tables
	@bash .make/layers.sh $(KERNEL_OBJECTS)

headers: $(HEADER_OBJECTS) ## Check that every public header compiles on its own, without a warning

PREFIX ?= /usr/local
install: $(LIBRARY) $(B)/gradus.pc ## Install headers, library and gradus.pc into PREFIX=/usr/local; DESTDIR= before it
	@DESTDIR='$(DESTDIR)' bash .make/install.sh install '$(PREFIX)' $(B)

uninstall: ## Remove what make install installed in PREFIX
	@DESTDIR='$(DESTDIR)' bash .make/install.sh uninstall '$(PREFIX)'

compile_commands.json: $(B)/compile_commands.json ## How each source is compiled, for clangd and other tools
	@cmp -s $< $@ || cp $< $@

clean: ## Remove everything that was built
	rm -rf build

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z_.0-9%-]+:.*## / { sub("%", "NN", $$1); printf "  make %-17s %s\n", $$1, $$2 }' Makefile
	@echo "Variants: DEBUG=1, SANITIZE=address,undefined, CXX=clang++, LEVEL=0, COVERAGE=1; V=1 shows the commands."

FORCE:
.PHONY: all gpt test test-core ready tsan tsan-here aarch64 levels coverage coverage-here fuzz gradcheck exercise exercise-check exercise-solution tokenize bench-loop museum mutate puzzle puzzle-check lessons contracts bench docs docs-check data reference exchange op-list ulps lint format layers headers install uninstall compile_commands.json clean help FORCE
