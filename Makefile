# Krypton's targets. `make` lists them.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED ?= 0
SHELL    = bash

.DEFAULT_GOAL := help
.PHONY: help demo demo-video demo-series demo-serve build build-gpu test test-noasm test-arm64 check race race-quick fuzz fuzz-nightly nightly bench generate generate-check model test-browser compare-onnxruntime bench-peers bench-unseen test-slurm test-gpu-script test-readers test-windows test-install dist clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t24

demo: build ## explain the built-in picture with the built-in model: writes heatmap.png
	./bin/krypton obe -o heatmap.png --force
	@echo "open heatmap.png"

demo-video: build ## recognize what moves through a rendered film (H.264 if ffmpeg is there): writes bin/demo/*
	rm -rf bin/demo && mkdir -p bin/demo
	$(GO) run ./models/clip -o bin/demo/clip.y4m -truth bin/demo/truth.csv
	clip=bin/demo/clip.y4m; \
	if command -v ffmpeg >/dev/null; then ffmpeg -nostdin -v error -i $$clip -pix_fmt yuv420p bin/demo/clip.mp4 && clip=bin/demo/clip.mp4; fi; \
	./bin/krypton orv $$clip -o bin/demo/labels --format jsonl,csv,segments,srt --verify-every 7 && \
	if [ $$clip = bin/demo/clip.mp4 ]; then ./bin/krypton orv $$clip -q -o bin/demo/drawn --annotate bin/demo/annotated.mp4 --show-regions; fi
	$(GO) run ./models/clip -truth bin/demo/truth.csv -check bin/demo/labels.csv
	@cat bin/demo/labels.segments.csv

# Strip 12 of the series that training never draws from.
demo-series: build ## find the beat that does not belong in a rendered electrocardiogram: writes bin/demo-series/*
	rm -rf bin/demo-series && mkdir -p bin/demo-series
	$(GO) run ./models/strip -o bin/demo-series/strip.csv -truth bin/demo-series/truth.json -index 12
	./bin/krypton obe bin/demo-series/strip.csv --model beats --patch 400ms --stride 50ms --verify 3 \
		-o bin/demo-series/map.png --scores bin/demo-series/strip.intervals.json
	$(GO) run ./models/strip -truth bin/demo-series/truth.json -check bin/demo-series/strip.intervals.json
	@echo "open bin/demo-series/map.png"

demo-serve: build ## show the built-in model on pictures that are drawn for it, in the browser
	$(GO) run ./models/draw bin/demo-pictures
	./bin/krypton serve bin/demo-pictures --open

build: ## build the static binary bin/krypton
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/krypton ./cmd/krypton

build-gpu: ## build bin/krypton-gpu, which computes on NVIDIA cards: the same program, which loads their driver
	$(GO) build -trimpath -tags gpu -ldflags '$(LDFLAGS)' -o bin/krypton-gpu ./cmd/krypton

test: ## run all tests (set KRYPTON_DATA to a folder of real models and pictures for the tests on them)
	$(GO) test -timeout 40m ./...
	$(GO) test -tags gpu -run '^Test(Calls|Failures|Memory|NoDriver|OldCard|Cards)$$' ./internal/gpu/driver ./cmd/krypton

test-browser: build ## test the page of krypton serve in a real browser (needs chromium)
	cd scripts/browser && KRYPTON=$(CURDIR)/bin/krypton $(GO) test -timeout 15m ./...

# Built once, and again after another version is named here.
STATICCHECK = bin/staticcheck-v0.8.2
$(STATICCHECK):
	GOFLAGS= GOBIN=$(CURDIR)/bin $(GO) install honnef.co/go/tools/cmd/staticcheck@$(@:bin/staticcheck-%=%)
	mv bin/staticcheck $@

check: generate-check $(STATICCHECK) ## gofmt, vet, staticcheck, and that generated assembly is up to date
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { printf 'not as gofmt writes it:\n%s\n' "$$unformatted" >&2; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags noasm ./internal/engine/...
	$(GO) vet -tags gpu ./internal/gpu/... ./cmd/krypton
	$(GO) vet -tags readers ./internal/edf
	$(STATICCHECK) ./...

# Pointers that point past what they were made of are found there, too.
test-noasm: ## build without assembly, and test what then does the work
	$(GO) build -tags noasm -o /dev/null ./cmd/krypton
	KRYPTON_WANT_SETS=generic $(GO) test -tags noasm -gcflags=-d=checkptr ./internal/engine/...
	KRYPTON_WANT_SETS=generic $(GO) test -tags noasm -short -run '^(TestUpdateEqualsWholeRun|TestStream|TestReferenceProducts)$$' ./internal/incremental

# An emulator is slow: of the networks, few.
test-arm64: ## test the kernels of arm64 under qemu-user (Debian: qemu-user-static)
	GOARCH=arm64 KRYPTON_WANT_SETS=neon,generic,int8,i8mm $(GO) test -exec qemu-aarch64-static -skip '^Test(Peak|PeakQuads|Bandwidth)$$' ./internal/engine/asm
	GOARCH=arm64 KRYPTON_WANT_SETS=neon,generic,int8,i8mm $(GO) test -exec qemu-aarch64-static -run '^TestConvInt8(Pick)?$$' ./internal/engine
	GOARCH=arm64 KRYPTON_WANT_SETS=neon,generic $(GO) test -exec qemu-aarch64-static -short -run '^Test(NetworkBits|ModelBits|Stream|UpdateEqualsWholeRun)$$' ./internal/incremental
	GOARCH=arm64 KRYPTON_WANT_SETS=neon $(GO) test -exec qemu-aarch64-static -run '^TestMapBits$$' ./internal/obe
	GOARCH=arm64 $(GO) test -exec qemu-aarch64-static -run '^Test(SmallNetwork|Difference|Despeckle|Noise)$$' ./internal/orv

race: ## run the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -timeout 90m -race ./...

# The packages whose work runs side by side, and of the slow ones those tests that have
# it do so; few random cases of each.
race-quick: ## run under the race detector what runs side by side
	CGO_ENABLED=1 $(GO) test -short -race ./internal/{batch,catalogue,heatmap,model,recognize,ui} ./models/nn
	CGO_ENABLED=1 $(GO) test -short -race -run '^Test(PauseAndCancel|Eight.*|Slow.*|Stuck.*|Strangers.*|SendingAtOnce|Turns.*|ReferencesInTurn|UrgentWork|Pause|StepsPassTheTurnOn|FramesOfManyAtOnce|VideoPauses|VideoChanges)$$' ./internal/serve
	CGO_ENABLED=1 $(GO) test -short -race -run '^Test(Team|TeamsEnd|Stream|UpdateEqualsWholeRun|Parts|Release|Shorten)$$' ./internal/incremental
	CGO_ENABLED=1 $(GO) test -short -race -run '^Test(Approximate|Within|Gradual|Reread|Anchor|Concurrent.*)$$' ./internal/obe
	CGO_ENABLED=1 $(GO) test -short -race -run '^Test(AnswersDoNotDependOnSessions|ExactEqualsNaive|GoingOn|Errors|Tune)$$' ./internal/orv
	CGO_ENABLED=1 $(GO) test -short -race -run '^Test(Cancel|Stdin|StdinThatBlocks|Writers|AVISegments|WriterFailures|FakeFFmpeg)$$' ./internal/video
	CGO_ENABLED=1 $(GO) test -short -race -run '^TestScripts$$/^(first_minute|events|orv)$$' ./cmd/krypton

# A time (10s), or a number of inputs (2000x).
FUZZTIME ?= 10s
# Making an input that is only new as small as can be takes a minute by default, in
# which nothing else is tried.
FUZZMINIMIZE ?= 50x
# All that have targets, if none is named.
FUZZPACKAGES ?=
fuzz: ## run every fuzz target (of FUZZPACKAGES) for FUZZTIME each
	@GO='$(GO)' FUZZTIME=$(FUZZTIME) FUZZMINIMIZE=$(FUZZMINIMIZE) scripts/fuzz.sh $(FUZZPACKAGES)

fuzz-nightly: ## run every fuzz target for a minute each (FUZZTIME=10m for longer)
	$(MAKE) fuzz FUZZTIME=$(if $(filter-out file,$(origin FUZZTIME)),$(FUZZTIME),60s)

nightly: race fuzz-nightly test-slurm test-gpu-script test-readers dist test-windows test-install ## what takes too long for each change: all tests under the race detector, fuzzing, Slurm, the script for graphics cards, other readers, all releases, wine
	.ci/run

bench: build ## naive against incremental on this machine, and the kernels' share of its peak
	./bin/krypton bench
	$(GO) test -run '^$$' -bench Patches -benchtime 300ms ./internal/engine

generate: ## regenerate the assembly kernels: those of amd64, and from them those of arm64; then those of graphics processors (Debian: clang-19)
	cd internal/engine/asm/_gen && $(GO) run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg asm && $(GO) run ./neon
	internal/gpu/kernels/generate.sh

generate-check: ## fail if the generated assembly is not what the generators write, or what these encode not what they say; PTX where clang-19 is
	@d=$$(mktemp -d) && cd internal/engine/asm/_gen && $(GO) run . -out $$d/kernels_amd64.s -stubs $$d/kernels_amd64.go -pkg asm && \
		cp ../native_amd64.go $$d && $(GO) run ./neon -source $$d -target $$d && cd .. && for f in kernels_{amd64,arm64}.{s,go}; do \
			diff -q <(sed 's/^\(\/\/ Code generated by command\):.*/\1/' $$d/$$f) <(sed 's/^\(\/\/ Code generated by command\):.*/\1/' $$f) || exit 1; \
		done && rm -r $$d
	cd internal/engine/asm/_gen && $(GO) test ./...
	internal/gpu/kernels/generate.sh -check

model: ## train the built-in models anew (some fifteen minutes)
	$(GO) run ./models/train
	$(GO) run ./models/train -model beats

compare-onnxruntime: ## compare whole runs of the models in KRYPTON_DATA with ONNX Runtime (needs node and npm)
	cd scripts/onnxruntime && npm install --ignore-scripts --no-audit --no-fund --silent
	rm -rf bin/onnxruntime && node scripts/onnxruntime/run.mjs bin/onnxruntime $(addprefix $(KRYPTON_DATA)/models/,squeezenet1.onnx resnet20_cifar10.onnx mnist.onnx ultraface_rfb320.onnx fastestdet.onnx)
	KRYPTON_ONNXRUNTIME=$(CURDIR)/bin/onnxruntime $(GO) test -count=1 -tags onnxruntime -run TestAgainstONNXRuntime -v ./internal/incremental

PEERS_MODELS ?= bin/peers
# A folder of trained networks, each with its m.krypton.yaml if its input's size is open.
PEERS_TRAINED ?= bin/trained
PEERS_FLAGS  ?=
PYTHON       ?= $(shell for p in python3 /usr/bin/python3; do $$p -c 'import torch' 2>/dev/null && echo $$p && exit; done; echo python3)
bench-peers: build ## measure krypton beside ONNX Runtime (node, npm, python3-torchvision; a look: PEERS_FLAGS=--quick)
	cd scripts/onnxruntime && npm install --ignore-scripts --no-audit --no-fund --silent
	$(PYTHON) scripts/peers/export_models.py $(PEERS_MODELS) $(if $(KRYPTON_DATA),$(wildcard $(KRYPTON_DATA)/models/squeezenet1.onnx)) $(wildcard $(PEERS_TRAINED)/*.onnx)
	node scripts/peers/bench.mjs --krypton bin/krypton --out docs/benchmarks/peers $(PEERS_FLAGS) $(PEERS_MODELS)

UNSEEN_MODELS ?= bin/unseen
bench-unseen: build ## the same of networks that nothing was tuned for: docs/benchmarks/unseen.md
	cd scripts/onnxruntime && npm install --ignore-scripts --no-audit --no-fund --silent
	$(PYTHON) scripts/peers/export_models.py $(UNSEEN_MODELS) --unseen
	node scripts/peers/bench.mjs --krypton bin/krypton --out docs/benchmarks/unseen --title 'Networks that nothing was tuned for' --made 'make bench-unseen' $(PEERS_FLAGS) $(UNSEEN_MODELS)

test-readers: ## compare EDF and BDF files with what other readers make of them (Debian: python3-biosig, python3-mne)
	$(GO) test -tags readers -run '^TestAgainstOthers$$' ./internal/edf

test-slurm: build ## run a batch as a Slurm array on this machine, interrupt it, compare with one process (gets Slurm by apt-get)
	scripts/slurm/test.sh

# Started again it does nothing; and it notices a card that fails.
test-gpu-script: ## try the script for a card's first ten minutes out, without a card (needs gcc)
	rm -rf bin/first bin/first-fails
	scripts/gpu/first.sh --dry bin/first
	scripts/gpu/first.sh --dry bin/first 2>&1 | { ! grep 'at most'; }
	grep -q '"step": "map-builtin", "what": "scores of the card and of processors", "value": "equal"' bin/first/first.json
	grep -q '"what": "whole runs in tf32 that updates equal", "value": 1,' bin/first/first.json
	! STANDIN_FAIL=cuLaunchKernel:719:9 scripts/gpu/first.sh --dry bin/first-fails
	grep -q 'map-builtin .*failed: ' bin/first-fails/first.txt

dist: ## build the release for Linux, macOS and Windows in dist/: archives, bills of materials, SHA256SUMS
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null) $(GO) run ./scripts/dist -version '$(VERSION)' -out dist

# The built-in picture has the same scores there bit for bit, and a file that is there stays.
test-windows: ## test under wine what knows the system; map the built-in picture, and compare its scores with those here (Debian: wine, wine64)
	$(GO) run ./scripts/wine -prefix bin/wine internal/{atomicfile,regular,interrupt,limits,labelfiles} internal/program:TestJob
	$(GO) build -o bin/krypton-here ./cmd/krypton && GOOS=windows GOARCH=amd64 $(GO) build -o bin/krypton.exe ./cmd/krypton
	bin/krypton-here obe --stride 16 -q --force -o bin/here.png --scores bin/here.npy
	scripts/wine.sh bin/krypton.exe obe --stride 16 -q --force -o bin/there.png --scores bin/there.npy
	cmp bin/here.npy bin/there.npy
	! scripts/wine.sh bin/krypton.exe obe --stride 16 -q -o bin/there.png

test-install: ## go install the last commit from a folder that stands for a proxy, under a path that could be an address
	scripts/install.sh

clean: ## remove what was built
	rm -rf bin dist
