# `make` alone lists what there is. SWIFT_BUILD_FLAGS goes to every build: SWIFT_BUILD_FLAGS=-v make build

SWIFT_BUILD_FLAGS ?=
export SWIFT_BUILD_FLAGS

.PHONY: help run build test chaos lint format bench clean

help:
	@echo "make run      install what is missing, build, serve, and show a first job from end to end"
	@echo "make build    build the program for use: .build/release/fanfare"
	@echo "make test     run every test there is; all one needs before a change is proposed"
	@echo "make chaos    kill and stop everything at random moments for MINUTES=10; SEED=… repeats a run's moments"
	@echo "make lint     check the form of the sources, changing nothing"
	@echo "make format   bring the Swift sources into form"
	@echo "make bench    measure, with machine and command line beside the figures"
	@echo "make clean    remove what was built"

run:
	@scripts/run

build:
	@scripts/install-dependencies
	swift build -c release --product fanfare $(SWIFT_BUILD_FLAGS)

test:
	@scripts/test

chaos:
	@scripts/chaos

lint:
	@scripts/lint

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests web-client

bench:
	@scripts/bench

clean:
	rm -rf .build
