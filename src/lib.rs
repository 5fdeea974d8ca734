//! larder: what you have, and how you made it, in one place.
//!
//! One content-addressed, encrypted, deduplicating repository with an SQLite index; tasks that run once and are
//! remembered; snapshots of directories. The words are those of git and restic: object, tree, chunk, pack, snapshot.
//!
//! # Floors
//!
//! A module imports lower rows of this table only, and modules of one row do not import one another; `tests/tidy.rs`
//! reads the table and fails on an edge that runs up or sideways. A floor may have steps: rows of one number.
//!
//! | floor | modules | what stands there |
//! | --- | --- | --- |
//! | 7 service | [`service`] | what is offered to others over HTTP |
//! | 6 context | [`context`] | opens a repository as a command needs it |
//! | 6 context | [`config`] | the environment and the user's settings |
//! | 5 engines | [`backup`], [`restore`], [`verify`], [`gc`], [`sync`], [`diff`], [`dump`], [`find`], [`usage`], [`measure`] | functions: options in, statistics out, a monitor to speak to |
//! | 5 engines | [`run`] | tasks executed once |
//! | 5 engines | [`keep`], [`objects`] | which runs are kept, and objects one by one |
//! | 4 model | [`reach`], [`retention`] | what roots keep, and what policies do |
//! | 4 model | [`runs`] | what root records say of runs |
//! | 4 model | [`action`], [`record`] | what would be run, and what a run did |
//! | 4 model | [`snapshot`], [`walk`], [`state`] | what the stored bytes mean |
//! | 4 model | [`stored`] | stored trees, walked |
//! | 4 model | [`tree`] | directories and their entries |
//! | 3 store | [`repo`] | packs, frames, segments, index, roots, keys, lock, leases; the faces see [`repo::Repo`] |
//! | 2 medium | [`backend`] | bytes and names only |
//! | 1 codec | [`object`], [`chunker`], [`recipe`], [`compress`], [`crypto`], [`digest`] | pure: bytes in, bytes out |
//! | 0 words | [`wire`], [`cbor`] | numbers, bytes and records as files have them |
//! | 0 words | [`units`], [`clock`], [`monitor`], [`fs`] | what everything is said with |
//! | 0 words | [`id`] | names |
//! | 0 words | [`error`] | every way to fail |
//!
//! # Every file on disk and the module that owns it
//!
//! | file | module |
//! | --- | --- |
//! | `config.toml` | `repo::format` |
//! | `keys/` | `repo::keys` |
//! | `keys/devices/`, and the user's state about a repository | `repo::device` |
//! | `packs/` | `repo::pack` |
//! | `index/`, `index.sqlite`, `state/filter` | `repo::segment`, `repo::index` |
//! | `roots/` | `repo::roots` |
//! | `leases/` | `repo::lease` |
//! | `gc/` | `repo::doom` |
//! | `promised.toml` | `repo::promise` |
//! | `lock` | `repo::lock` |
//! | `frames/` in the cache | `repo::near` |
//! | `state.sqlite` | [`state`] |

// The lints stand in Cargo.toml and clippy.toml; tests may do what the library may not.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::panic))]

pub mod cbor;
pub mod clock;
pub mod error;
pub mod fs;
pub mod id;
pub mod monitor;
pub mod units;
pub mod wire;

pub mod chunker;
pub mod compress;
pub mod crypto;
pub mod digest;
pub mod object;
pub mod recipe;

pub mod backend;

pub mod repo;

pub mod action;
pub mod reach;
pub mod record;
pub mod retention;
pub mod runs;
pub mod snapshot;
pub mod state;
pub mod stored;
pub mod tree;
pub mod walk;

pub mod backup;
pub mod diff;
pub mod dump;
pub mod find;
pub mod gc;
pub mod keep;
pub mod measure;
pub mod objects;
pub mod restore;
pub mod run;
pub mod sync;
pub mod usage;
pub mod verify;

pub mod config;
pub mod context;

pub mod service;
