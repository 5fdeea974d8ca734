# larder: `make help` lists what this file does.

PREFIX   ?= /usr/local
DESTDIR  ?=
CARGO    ?= cargo
PROFILE  ?= release
BINARY   ?= target/$(PROFILE)/larder
UNITS     = $(wildcard contrib/systemd/*)

bindir   = $(DESTDIR)$(PREFIX)/bin
man1dir  = $(DESTDIR)$(PREFIX)/share/man/man1
bashdir  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir   = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
fishdir  = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
docdir   = $(DESTDIR)$(PREFIX)/share/doc/larder
unitdir  = $(DESTDIR)$(PREFIX)/lib/systemd/system

.DEFAULT_GOAL := all
.PHONY: all build test test-integration test-servers bench lint fmt check-fmt generate doc coverage security install uninstall clean help

all: build ## everything that is installed: the release binary

build: ## build the release binary, target/release/larder
	$(CARGO) build --release --locked --bin larder

test: ## run the whole suite, as CI does
	scripts/test

test-integration: ## run only the tests that start the binary
	scripts/test --test '*'

test-servers: ## run the media against servers that are too heavy for `make test` (installs them, see scripts/test-servers)
	scripts/test-servers

bench: build ## measure larder and the peers that are installed (BENCH_SCALE=0.1 for a quick look)
	scripts/bench
	scripts/bench-run
	scripts/bench-sync

lint: check-fmt ## check formatting, clippy and the documentation, warnings are errors
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --locked --no-deps --document-private-items --lib

fmt: ## format the sources
	$(CARGO) fmt

check-fmt: ## fail if the sources are not formatted
	$(CARGO) fmt --check

generate: ## write again what is made from the table of commands: manual pages, completions, documents
	$(CARGO) build --locked
	target/debug/larder help --generate man man
	target/debug/larder help --generate completions completions
	for kind in cli errors schema; do target/debug/larder help --generate $$kind docs; done

doc: ## build the documentation of the library, target/doc/larder
	$(CARGO) doc --locked --no-deps --lib

coverage: ## measure which lines the tests reach (installs cargo-tarpaulin)
	scripts/coverage

security: ## check the licences, sources and known holes of all dependencies (installs cargo-deny)
	scripts/security

install: ## install the binary, manual pages, completions and units below DESTDIR and PREFIX
	@test -x $(BINARY) || { echo "make install: there is no $(BINARY); run make build first" >&2; exit 1; }
	install -d $(bindir) $(man1dir) $(bashdir) $(zshdir) $(fishdir) $(unitdir) $(docdir)/examples
	install -m 0755 $(BINARY) $(bindir)/larder
	install -m 0644 man/larder*.1 $(man1dir)
	install -m 0644 completions/larder.bash $(bashdir)/larder
	install -m 0644 completions/_larder $(zshdir)/_larder
	install -m 0644 completions/larder.fish $(fishdir)/larder.fish
	install -m 0644 $(UNITS) $(unitdir)
	install -m 0644 README.md CHANGELOG.md LICENSE docs/*.md docs/larder.schema.json $(docdir)
	install -m 0644 contrib/config.toml contrib/backup.env contrib/crontab $(docdir)/examples

uninstall: ## remove what install put there
	rm -f $(bindir)/larder $(bashdir)/larder $(zshdir)/_larder $(fishdir)/larder.fish
	rm -f $(patsubst man/%,$(man1dir)/%,$(wildcard man/larder*.1))
	rm -f $(patsubst contrib/systemd/%,$(unitdir)/%,$(UNITS))
	rm -rf $(docdir)
	@# Directories below a DESTDIR were made by install; those of the system were not.
	@if [ -n "$(DESTDIR)" ] && [ -d "$(DESTDIR)" ]; then find $(DESTDIR) -depth -type d -empty -delete; fi

clean: ## remove everything that was built
	$(CARGO) clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
