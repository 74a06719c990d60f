# Builds roux: `make help` lists the targets. Everything is written under build/, one object folder per CONFIG.
# Variables: CXX, MARCH, CXXFLAGS, LDFLAGS (yours are appended), WERROR=0, JOBS, CONFIG, PREFIX, DESTDIR;
# CUDA (auto; 1 insists, 0 leaves it out), NVCC, CUDA_ARCHS.
ifeq ($(filter 4.% 5.%,$(MAKE_VERSION)),)
  $(error GNU make 4 or newer is needed, this is $(MAKE_VERSION); Homebrew calls it gmake)
endif
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1.0
ifeq ($(origin CXX),default)
  CXX := g++
endif
MARCH ?= native
WERROR ?= 1
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
PREFIX ?= /usr/local
CONFIG ?= release
FUZZ_SECONDS ?= 30
TOOLS := tests/tools
export CXX
CUDA ?= auto
NVCC ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc /opt/cuda/bin/nvcc))
CUDA_ARCHS ?= 80 90

# ---- What is built -------------------------------------------------------------------------------------------------
# Instrumented builds leave CUDA out: the sanitizers do not know its runtime.
with_cuda := $(if $(filter release,$(CONFIG)),$(if $(filter-out 0,$(CUDA)),$(NVCC)))
cuda_sources := $(wildcard cuda/*.cu)
library_sources := $(wildcard tensor/*.cpp tensor/cpu/*.cpp autograd/*.cpp nn/*.cpp nn/*/*.cpp text/*.cpp text/*/*.cpp) \
  $(if $(with_cuda),$(cuda_sources),cuda/unavailable.cpp)
app_sources := $(wildcard apps/*.cpp)
app_common_sources := $(wildcard apps/common/*.cpp apps/common/*/*.cpp)
test_sources := $(filter-out tests/bench/% tests/fuzz/% tests/host_cuda/% tests/gdb/%,$(wildcard tests/*/*.cpp tests/nn/*/*.cpp tests/text/*/*.cpp))
# TSan looks at the cases about threads alone: the files that have some, and what tests share.
ifeq ($(CONFIG),tsan)
  test_sources := $(filter-out %_test.cpp,$(test_sources)) \
    $(shell grep -lE 'TEST_CASE.*"[^"]*(thread|parallel)' $(filter %_test.cpp,$(test_sources)))
endif
# The CUDA sources executed on the host, with the tests that look at devices: tests/host_cuda/README.md.
host_cuda_sources := $(wildcard tests/host_cuda/*.cpp)
device_test_sources := $(wildcard tests/operations/*.cpp tests/cuda/*.cpp)
cuda_bench_source := tests/bench/cuda_bench.cpp
bench_sources := $(filter-out $(cuda_bench_source),$(wildcard tests/bench/*_bench.cpp))
# What gdb shows of tensors: tests/tools/test_gdb.sh.
gdb_source := tests/gdb/program.cpp
fuzz_sources := $(wildcard tests/fuzz/*_fuzz.cpp)
public_headers := $(wildcard tensor/*.h autograd/*.h nn/*.h nn/*/*.h text/*.h text/*/*.h) $(wildcard cuda/graphed_step.h cuda/uploads.h)
all_sources := $(filter %.cpp,$(library_sources)) $(app_sources) $(app_common_sources) tests/main.cpp $(test_sources) \
  $(host_cuda_sources) $(bench_sources) $(cuda_bench_source) $(fuzz_sources) $(wildcard apps/custom_layer/*.cpp) $(gdb_source)
all_headers := $(wildcard $(addsuffix /*.h,tensor tensor/cpu autograd nn nn/* text text/* cuda apps apps/common apps/common/* tests tests/* \
  tests/host_cuda/cuda tests/nn/* tests/text/*))

# ---- How: flags by configuration -----------------------------------------------------------------------------------
optimise_release := -O3 -g1
# Reports need no more than lines: without types and variables a quarter less time goes into compiling.
optimise_asan := -O1 -g1 -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS \
  -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all
optimise_tsan := -O1 -g1 -fno-omit-frame-pointer -fsanitize=thread
# Dictionaries (tests/fuzz/*.dict) do more here than watching comparisons would, which takes a third of the time.
optimise_fuzz := -O2 -g1 -fno-omit-frame-pointer -fno-sanitize-coverage=trace-cmp \
  -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all
# Little is moved around, so that lines are counted where they stand; threads count together.
optimise_coverage := -O1 -g1 --coverage -fprofile-update=atomic
optimise := $(or $(optimise_$(CONFIG)),$(optimise_release))
# Instrumented code makes g++ warn of what cannot happen; the release configuration is the one that must be clean.
# -Wrestrict in g++ 12 is wrong about "text" + std::string (GCC bug 105651); clang does not know it.
warnings := -Wall -Wextra -Wshadow -Wno-unknown-warning-option -Wno-restrict \
  $(if $(filter 1,$(WERROR)),$(if $(filter asan tsan coverage,$(CONFIG)),,-Werror))

# OpenBLAS, utf8proc and zlib: through pkg-config where it knows them, else by their usual names and folders.
find_flags = $(shell pkg-config $(1) $(2) 2>/dev/null || echo $(3))
blas_include := $(patsubst -I%,-isystem %,$(call find_flags,--cflags-only-I,openblas,\
  $(patsubst %,-I%,$(wildcard /usr/include/openblas))))
blas_libs := $(call find_flags,--libs,openblas,-lopenblas)
# The CUDA runtime is linked statically: one program runs on machines with and without a device.
cuda_libs := $(if $(with_cuda),-L$(patsubst %/bin/nvcc,%/lib64,$(realpath $(NVCC))) -lcudart_static -ldl -lrt)
libs := $(blas_libs) $(call find_flags,--libs,libutf8proc,-lutf8proc) $(call find_flags,--libs,zlib,-lz) $(cuda_libs)

march := $(if $(MARCH),-march=$(MARCH))
# g++ 12 on AVX-512 moves constants wrongly by more than 16 bytes: std::vector<int64_t>{1, 1, 0, 0} comes out as four
# ones, and instrumented code overwrites what it still needs. Kernels keep their vector instructions.
short_moves := $(shell $(CXX) -mmove-max=128 -mstore-max=128 -x c++ -E /dev/null >/dev/null 2>&1 && \
  echo -mmove-max=128 -mstore-max=128)
compile = $(CXX) -std=c++20 $(optimise) $(march) $(short_moves) -fno-math-errno -fno-trapping-math -pthread \
  $(warnings) -I. $(blas_include) $(CPPFLAGS) $(CXXFLAGS)
link = $(CXX) $(optimise) -pthread $(LDFLAGS)
# Machine code for each architecture, and PTX that newer and in-between ones translate at their first start.
cuda_version = $(shell $(NVCC) --version | sed -nE 's/.*release ([0-9.]+).*/\1/p')
cuda_code := $(foreach arch,$(CUDA_ARCHS),-gencode arch=compute_$(arch),code=sm_$(arch)) \
  -gencode arch=compute_75,code=compute_75
cuda_compile = $(NVCC) -ccbin $(CXX) -std=c++20 -O3 --expt-relaxed-constexpr $(cuda_code) \
  -Xcompiler "$(filter-out -Wshadow,$(warnings))" -I. $(CPPFLAGS) $(NVCCFLAGS)
host_cuda_compile = $(CXX) -std=c++20 -O1 -g1 $(march) $(short_moves) -fno-math-errno -fno-trapping-math -pthread \
  $(warnings) -Itests/host_cuda -I. $(blas_include) $(CPPFLAGS) $(CXXFLAGS)
# What -march=native means here, so that a build folder that came from another processor is built anew.
cpu = $(shell $(CXX) $(march) -x c++ -E -\#\#\# /dev/null 2>&1 | tr -d '"' | \
  sed -nE 's/.* (-march=|-target-cpu )([^ ]+).*/\2/p' | tail -n 1)

# ---- Where: the release goes straight to build/, others to build/CONFIG/ ----------------------------------------------
objects := build/$(CONFIG)
out := build$(if $(filter-out release,$(CONFIG)),/$(CONFIG))
object_of = $(patsubst %.cu,$(objects)/%.o,$(patsubst %.cpp,$(objects)/%.o,$(1)))
host_cuda_object_of = $(patsubst %,$(objects)/host_cuda/%.o,$(basename $(1)))
library := $(out)/libroux.a
app_library := $(objects)/libapps.a
test_main := $(out)/libroux_test_main.a
apps := $(patsubst apps/%.cpp,$(out)/apps/%,$(app_sources))
tests := $(out)/tests/roux_tests
host_cuda_tests := $(out)/tests/host_cuda_tests
benches := $(patsubst tests/bench/%.cpp,$(out)/bench/%,$(bench_sources))
cuda_bench := $(out)/bench/cuda_bench
gdb_program := $(out)/programs/gdb
fuzzers := $(patsubst tests/fuzz/%.cpp,$(out)/programs/%,$(fuzz_sources))
# Targets that a person calls and that build first do so in parallel by themselves, unless a -j is given already.
parallel = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: all
all: $(library) $(test_main) $(apps) build/compile_commands.json ## libraries and apps

.PHONY: detect
detect:
	@FIND_FLAGS="$(blas_include)" $(TOOLS)/deps.sh check build
	@echo "roux $(CONFIG): $(CXX) $(shell $(CXX) -dumpfullversion -dumpversion), -march=$(MARCH) ($(cpu)), \
	OpenBLAS $(shell pkg-config --modversion openblas 2>/dev/null) ($(strip $(blas_libs)))"
ifneq ($(with_cuda),)
	@echo "with CUDA: $(NVCC) $(cuda_version), architectures $(CUDA_ARCHS)"
else ifeq ($(CUDA),1)
	@echo "CUDA=1: there is no nvcc in PATH, /usr/local/cuda or /opt/cuda (hint: NVCC=/path/to/nvcc), \
	or CONFIG=$(CONFIG) leaves CUDA out" >&2; exit 1
else
	@echo "without CUDA: $(if $(filter 0,$(CUDA)),CUDA=0,$(if $(NVCC),CONFIG=$(CONFIG),there is no nvcc))"
endif

# Written only when the flags (or the list of files) change: what depends on them is then built anew.
$(objects)/flags: text = $(compile) | $(link) $(libs) | $(cpu) | $(if $(with_cuda),$(cuda_compile))
$(objects)/sources: text = $(all_sources)
$(objects)/flags $(objects)/sources: detect
	@mkdir -p $(@D)
	@echo '$(text)' | cmp -s - $@ || echo '$(text)' > $@

$(objects)/%.o: %.cpp $(objects)/flags
	@mkdir -p $(@D)
	@echo "  compile $<"
	@$(compile) -MMD -MP -c $< -o $@

$(objects)/%.o: %.cu $(objects)/flags
	@mkdir -p $(@D)
	@echo "  nvcc    $<"
	@$(cuda_compile) -MMD -MP -MF $(@:.o=.d) -c $< -o $@

$(objects)/host_cuda/%.o: %.cu $(objects)/flags
	@mkdir -p $(@D)
	@echo "  compile $< for the host"
	@$(host_cuda_compile) -MMD -MP -x c++ -c $< -o $@

$(objects)/host_cuda/%.o: %.cpp $(objects)/flags
	@mkdir -p $(@D)
	@echo "  compile $<"
	@$(host_cuda_compile) -MMD -MP -c $< -o $@

$(library): $(call object_of,$(library_sources))
$(app_library): $(call object_of,$(app_common_sources))
$(test_main): $(call object_of,tests/main.cpp)
$(library) $(app_library) $(test_main): $(objects)/sources
	@mkdir -p $(@D)
	@echo "  archive $@"
	@rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# Every program: its own objects, then the libraries.
$(apps): $(out)/apps/%: $(objects)/apps/%.o $(app_library) $(library)
$(tests): $(call object_of,$(test_sources)) $(objects)/tests/main.o $(app_library) $(library) $(objects)/sources
$(host_cuda_tests): $(call host_cuda_object_of,$(cuda_sources) $(host_cuda_sources)) \
  $(call object_of,$(device_test_sources)) $(app_library) $(library) $(objects)/sources
$(benches) $(cuda_bench): $(out)/bench/%: $(objects)/tests/bench/%.o $(app_library) $(library)
$(benches): private libs += -lbenchmark
$(cuda_bench): private libs += -ldl
$(fuzzers): $(out)/programs/%: $(objects)/tests/fuzz/%.o $(app_library) $(library)
$(fuzzers): private link += -fsanitize=fuzzer
# Tests compile in two thirds of the time, and run as fast: what they call is in the library.
$(call object_of,$(test_sources)): private compile += -O1
# gdb needs to know all types and to see every variable.
$(gdb_program): $(call object_of,$(gdb_source)) $(library)
$(call object_of,$(gdb_source)): private compile += -O0 -g
# What the programs themselves compare with is no coverage to look for.
$(call object_of,$(fuzz_sources)): private compile += -fno-sanitize=fuzzer-no-link
$(apps) $(tests) $(host_cuda_tests) $(benches) $(cuda_bench) $(fuzzers) $(gdb_program):
	@mkdir -p $(@D)
	@echo "  link    $@"
	@$(link) $(filter %.o,$^) $(filter %.a,$^) $(libs) -o $@

build/compile_commands.json: $(objects)/sources $(objects)/flags
	@mkdir -p $(@D)
	@{ echo '['; for file in $(all_sources); do \
	  echo "$$comma{\"directory\": \"$(CURDIR)\", \"file\": \"$$file\", \"command\": \"$(compile) -c $$file\"}"; \
	  comma=,; done; echo ']'; } > $@

-include $(patsubst %.o,%.d,$(call object_of,$(all_sources) $(cuda_sources)) \
  $(call host_cuda_object_of,$(cuda_sources) $(host_cuda_sources)))

# ---- What a person calls -------------------------------------------------------------------------------------------
.PHONY: deps deps-dev
deps: ## install what is missing of the libraries and tools that a build needs
	@FIND_FLAGS="$(blas_include)" $(TOOLS)/deps.sh install build
deps-dev: ## install what is missing for everything else here: what bench, fuzz, lint, test-docs, coverage and others need
	@FIND_FLAGS="$(blas_include)" $(TOOLS)/deps.sh install build bench fuzz lint bare cache docs reference install mutants coverage gdb

# The shipped data set is small. DEMO_WHY says how these settings suit it.
DEMO_FLAGS ?= --char-ngrams 3-6 --dim 16 --init-std 0.1 --dropout 0.2 --lr 0.005 --epochs 20
DEMO_WHY ?= 1,463 recipes are few: parts of words (characters 3-6) tell of words not seen, short vectors that start \
  near zero and little dropout suit them, and more and larger steps are taken.
DEMO_TITLES ?= "Mango lassi" "Beef stew" "Apple crumble" "Grilled salmon"
.PHONY: demo
demo: deps ## train the recipe models on the data that ships with roux, on a fresh machine too
	+@$(parallel) $(apps)
	@echo "$(or $(DEMO_WHY),The shipped recipes with the default settings.)"
	$(out)/apps/train_recipes $(DEMO_FLAGS) --save build/demo
	$(out)/apps/predict build/demo $(DEMO_TITLES)

# On apps/data/small_bert, which apps/make_small_model.sh made of the shipped recipes: real models are larger and know more.
small_model := apps/data/small_bert
.PHONY: demo-transformer
demo-transformer: deps ## fine-tune, predict and embed with the small transformer that ships with roux
	+@$(parallel) $(apps)
	@rm -rf build/demo-transformer
	$(out)/apps/finetune $(small_model) --train last:1 --epochs 2 --lr 3e-4 --save build/demo-transformer
	$(out)/apps/predict build/demo-transformer $(DEMO_TITLES)
	$(out)/apps/embed $(small_model) "apple pie" "cherry tart" "onion soup"
	$(out)/apps/polysemy $(small_model) --plot build/polysemy.svg

run_tests = ROUX_APPS=$(out)/apps $(tests) $(1) $(TEST_FLAGS)
.PHONY: test test-slow test-programs
test: deps ## build and run the tests, on a fresh machine too (TEST_FLAGS: doctest options)
	+@$(parallel) test-programs
	$(call run_tests,--test-suite-exclude=slow)
	$(host_cuda_tests) --test-suite-exclude=slow --test-case=*device*,*CUDA* --require-all-kernels $(TEST_FLAGS)
	@$(TOOLS)/test_gdb.sh $(gdb_program)
	+@$(if $(filter release,$(CONFIG)),$(if $(TEST_FLAGS),,$(MAKE) --no-print-directory test-outsider))
test-slow: deps ## the tests of the suites named "slow"
	+@$(parallel) test-programs
	$(call run_tests,--test-suite=slow)
test-programs: $(tests) $(if $(filter release,$(CONFIG)),$(host_cuda_tests) $(gdb_program)) $(apps)

.PHONY: sanitize sanitize-run
sanitize: deps ## the tests under ASan and UBSan, and under TSan those with "thread" or "parallel" in their name
	+@$(parallel) CONFIG=asan test-programs
	@$(MAKE) --no-print-directory CONFIG=asan sanitize-run
	+@$(parallel) CONFIG=tsan test-programs
	@$(MAKE) --no-print-directory CONFIG=tsan TEST_FLAGS='$(TEST_FLAGS) --test-case=*thread*,*parallel*' sanitize-run
sanitize-run:
	@$(call run_tests,--count --test-suite-exclude=slow) | grep -q ': [1-9]' || { echo "no test to run" >&2; exit 1; }
	ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1:$$ASAN_OPTIONS \
	UBSAN_OPTIONS=print_stacktrace=1:$$UBSAN_OPTIONS TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:$$TSAN_OPTIONS \
	$(call run_tests,--test-suite-exclude=slow)

.PHONY: mutants coverage
mutants: ## break gradients and kernels one at a time: which breakages does no test notice (MUTANTS_FLAGS: --limit 100)
	@$(TOOLS)/deps.sh install build mutants
	+@$(parallel) $(tests)
	@python3 $(TOOLS)/mutants.py --compile='$(compile)' --link='$(link)' --libs='$(libs)' --objects=$(objects) \
	  --library=$(library) $(MUTANTS_FLAGS)
coverage: ## lines of tensor, autograd, nn and text that the tests run: fails below 95 % (TEST_FLAGS: doctest options)
	@$(TOOLS)/deps.sh install build coverage
	+@$(parallel) $(apps)
	+@$(parallel) CONFIG=coverage build/coverage/tests/roux_tests
	@ROUX_APPS=$(out)/apps python3 $(TOOLS)/coverage.py --compiler='$(CXX)' --build=build/coverage $(COVERAGE_FLAGS) \
	  -- $(TEST_FLAGS)

# Functions to write again: tests/tools/exercises.py.
.PHONY: exercises exercise exercise-check test-exercises
exercise_flags = --compile='$(compile)' --link='$(link)' --libs='$(libs)' --objects=$(objects) --library=$(library)
exercises: ## functions of this tree to write again, with a check: their names
	@$(TOOLS)/deps.sh install docs
	@python3 $(TOOLS)/exercises.py list
exercise: ## NAME=mul: the source with that function blanked, as build/exercises/mul.cpp
	@$(TOOLS)/deps.sh install docs
	@python3 $(TOOLS)/exercises.py blank "$(NAME)"
exercise-check: ## NAME=mul: do the nearest tests pass with what you wrote there
	@$(TOOLS)/deps.sh install build docs
	+@$(parallel) $(tests)
	@python3 $(TOOLS)/exercises.py check "$(NAME)" $(exercise_flags)
test-exercises: ## every exercise fails while it is blank, and passes as it was
	@$(TOOLS)/deps.sh install build docs
	+@$(parallel) $(tests)
	@python3 $(TOOLS)/exercises.py self-test $(NAME) $(exercise_flags)

.PHONY: bench bench-programs
bench: ## measure, and compare with what is there of PyTorch, fastText, scikit-learn: tests/bench/README.md
	@$(TOOLS)/deps.sh install build bench
	+@$(parallel) bench-programs
	@for program in $(benches); do $$program $(BENCH_FLAGS) || exit 1; done
	@if command -v python3 >/dev/null; then python3 tests/bench/compare.py --build $(out) $(COMPARE_FLAGS) && \
	  python3 tests/bench/compare_text.py --build $(out); \
	  else echo "No comparison with peers: it needs python3."; fi
bench-programs: $(benches) $(cuda_bench) $(apps)

.PHONY: test-cuda test-cuda-programs bench-cuda
test-cuda: deps ## what needs a CUDA device, and compute-sanitizer where it is: make CUDA=1 test-cuda
	+@$(parallel) test-cuda-programs
	@$(TOOLS)/test_cuda.sh $(out)
test-cuda-programs: $(tests) $(apps) $(cuda_bench)
bench-cuda: deps ## measure on a CUDA device, and compare with PyTorch: make CUDA=1 bench-cuda
	+@$(parallel) $(cuda_bench)
	@if command -v python3 >/dev/null; then python3 tests/bench/compare_cuda.py --build $(out) $(COMPARE_FLAGS); \
	  else $(cuda_bench); fi

.PHONY: fuzz fuzz-programs
fuzz: ## fuzz what reads files and text, FUZZ_SECONDS each (FUZZ_FLAGS: libFuzzer options); all it finds stays in build/fuzz
	@$(TOOLS)/deps.sh install build fuzz
	+@$(parallel) CONFIG=fuzz CXX=clang++ fuzz-programs
	@for name in $(notdir $(fuzzers)); do mkdir -p build/fuzz/corpus/$$name && echo "  fuzz    $$name" && \
	  ASAN_OPTIONS=malloc_context_size=1:quarantine_size_mb=4:$$ASAN_OPTIONS build/fuzz/programs/$$name \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=512 -timeout=30 -reload=0 -verbosity=0 -print_final_stats=1 $(FUZZ_FLAGS) \
	    $$(ls tests/fuzz/$$name.dict 2>/dev/null | sed 's/^/-dict=/') -artifact_prefix=build/fuzz/$$name- \
	    build/fuzz/corpus/$$name $$(ls -d tests/fuzz/corpus/$$name 2>/dev/null) || exit 1; done
fuzz-programs: $(fuzzers)

.PHONY: install test-outsider test-install test-bare
install: all ## headers, libraries, pkg-config and CMake files under PREFIX (DESTDIR is put before it)
	@$(TOOLS)/install.sh "$(DESTDIR)$(PREFIX)" $(VERSION) $(out) "$(libs)" $(public_headers)
test-outsider: ## install under build/, and build and run apps/custom_layer against it, as a project outside would
	@$(MAKE) --no-print-directory install PREFIX=build/installed DESTDIR=
	@$(TOOLS)/test_install.sh build/installed build/outsider
test-install: ## the same, and every installed header by itself
	@$(MAKE) --no-print-directory install PREFIX=build/installed DESTDIR=
	@$(TOOLS)/test_install.sh build/installed build/outsider headers
test-bare: ## as root: the README's two lines in a Debian 12 with nothing in it
	@$(TOOLS)/test_bare.sh build/bare

# Code blocks and commands of all README.md, executed.
.PHONY: test-docs
test-docs: deps ## execute what the documents show: tests/tools/test_docs.py (ROUX_DATA: more of it; DOCS: only these)
	@$(TOOLS)/deps.sh install docs
	+@$(parallel) all
	@python3 $(TOOLS)/test_docs.py --build $(out) --compile '$(compile)' --link '$(link)' --libs '$(libs)' \
	  --headers '$(public_headers)' $(DOCS)

.PHONY: docs
docs: ## reference pages of the headers by Doxygen, build/docs/index.html: fails where a public name has no docstring
	@$(TOOLS)/deps.sh install docs reference
	@rm -rf build/docs && mkdir -p build/docs
	@doxygen $(TOOLS)/reference.doxygen
	@echo "docs: build/docs/index.html"

.PHONY: format lint
format: ## lay out the sources with clang-format
	@$(TOOLS)/deps.sh install lint
	clang-format -i $(all_sources) $(cuda_sources) $(all_headers)
lint: ## who includes whom, layout, lengths, and what has no place in this tree
	@$(TOOLS)/deps.sh install lint
	@$(TOOLS)/lint.sh
	@clang-format --dry-run -Werror $(all_sources) $(cuda_sources) $(all_headers)
	@echo "lint: nothing found in $(words $(all_sources) $(cuda_sources) $(all_headers)) files"

.PHONY: clean help
clean: ## remove build/
	rm -rf build
help: ## this list
	@echo "make [target] [VARIABLE=value]"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 18
	@echo "Variables: CXX=$(CXX) MARCH=$(MARCH) CONFIG=$(CONFIG) (or asan, tsan, fuzz, coverage) WERROR=$(WERROR) JOBS=$(JOBS)"
	@echo "  PREFIX=$(PREFIX) FUZZ_SECONDS=$(FUZZ_SECONDS); CPPFLAGS, CXXFLAGS and LDFLAGS are appended to ours"
