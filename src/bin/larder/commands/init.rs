//! `larder init`: a new repository.

use super::remote::told;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::chunker::Sizes;
use larder::compress::{Algorithm, Compression};
use larder::context::SecretOptions;
use larder::crypto::seal::Scheme;
use larder::crypto::slot::KdfCost;
use larder::error::{Code, Error, Result};
use larder::repo::InitOptions;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `larder init`.
#[derive(clap::Args)]
pub struct Init {
    /// aes-256-gcm, or none: then everything can be read by whoever has the files
    #[arg(long, value_name = "SCHEME", default_value = "aes-256-gcm", value_parser = scheme)]
    encryption: Scheme,

    /// Sizes of chunks: default (16/64/256 KiB), fine (4/16/64 KiB) or coarse (256/1024/4096 KiB)
    #[arg(long, value_name = "NAME", value_parser = Sizes::profile, conflicts_with = "chunk_sizes")]
    chunk_profile: Option<Sizes>,

    /// Sizes of chunks in bytes: 4096/32768/131072
    #[arg(long, value_name = "MIN/AVG/MAX", value_parser = super::chunk::parse_sizes)]
    chunk_sizes: Option<Sizes>,

    /// How what is stored is compressed: none, zlib, gzip, lz4 or zstd, with a level if wanted: zstd:9
    #[arg(long, value_name = "NAME[:LEVEL]", default_value = "zstd:3", value_parser = compression)]
    compression: Compression,

    /// Cut content as this repository does, so that what is copied between the two is known by its chunks
    #[arg(long, value_name = "REPO", value_hint = clap::ValueHint::DirPath, conflicts_with_all = ["chunk_profile", "chunk_sizes"])]
    like: Option<PathBuf>,

    /// Open the other repository with the passphrase in the first line of this file; otherwise as this one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "like")]
    like_passphrase_file: Option<PathBuf>,

    /// Open the other repository with this key file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "like", conflicts_with = "like_passphrase_file")]
    like_key_file: Option<PathBuf>,

    /// What to call the first key
    #[arg(long, value_name = "TEXT", default_value = "first")]
    label: String,

    /// The directory or address; otherwise --repo, LARDER_REPOSITORY, or .larder here
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    path: Option<PathBuf>,
}

impl Subcommand for Init {
    const NAME: &'static str = "init";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Config;
    const ASKS: bool = true;
    const ABOUT: &'static str = "Make a repository";
    const MANUAL: Manual = Manual {
        description: "The repository is encrypted, and opens with a passphrase or a key file. At a terminal the \
            passphrase is asked for twice. Who loses every passphrase and key file loses the data.\n\n\
            With --like both repositories cut content by the same secret and give chunks the same secret names; all other \
            keys are fresh. It costs secrecy between the two: who can open either, and sees the files of the other, \
            still reads nothing there, but who can open both, or has the keys of one and the index of the other, sees \
            which chunks both hold. Use it for repositories of one owner.\n\n\
            The id of the new repository is printed.",
        examples: &[
            ("larder init", "Makes .larder in this directory."),
            ("larder -r /mnt/disk/backup --passphrase-file ~/.secret init", "Makes one elsewhere, without asking."),
            ("larder init ssh://me@host/srv/backup", "Makes one on another machine that has larder."),
            (
                "larder init s3://bucket/backup",
                "Makes one in a bucket. `larder remote --help` lists every kind of address.",
            ),
            ("larder init --like ~/backup /mnt/disk/copy", "Makes one to copy snapshots to, chunk by chunk."),
            ("larder init --encryption none /srv/open", "Makes one that needs no key, and that anybody can read."),
        ],
        exits: &[(5, "There is a repository already, or a setting has a value that it may not have.")],
        ..Manual::EMPTY
    };

    fn run(mut self, session: &Session) -> anyhow::Result<Exit> {
        let secrets = (self.like_passphrase_file.is_some() || self.like_key_file.is_some()).then(|| SecretOptions {
            passphrase_file: self.like_passphrase_file.take(),
            key_file: self.like_key_file.take(),
            ..SecretOptions::default()
        });
        let like = self.like.map(|path| session.other(&path, secrets)).transpose()?;
        let sizes = like.as_ref().map(|like| like.config().sizes).or(self.chunk_sizes).or(self.chunk_profile);
        let options = InitOptions {
            scheme: self.encryption,
            sizes: sizes.unwrap_or(Sizes::DEFAULT),
            compression: self.compression,
            kdf: KdfCost::FLOOR,
            label: self.label,
        };
        let (place, repo) = session.init(self.path.take(), &options, like.as_ref())?;
        if like.is_some() {
            session.ui.warn("who holds the keys of both repositories, or of one and the index of the other, sees which chunks both hold");
        }
        let dir = place.location();
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "repository", "id": repo.id().to_hex(), "path": dir.to_string(),
                "encryption": options.scheme.name()}))?;
        } else {
            session.ui.line(&repo.id().to_hex())?;
        }
        session.ui.status(&match options.scheme {
            Scheme::Aes256Gcm => format!("made an encrypted repository in {dir}"),
            Scheme::None => format!("made a repository in {dir}; it is NOT encrypted"),
        });
        if dir.local_path().is_none() {
            session.ui.status(&told(&place.probe(&place), "`larder remote test` asks again"));
        }
        Ok(Exit::DONE)
    }
}

fn scheme(text: &str) -> Result<Scheme> {
    match text {
        "aes-256-gcm" => Ok(Scheme::Aes256Gcm),
        "none" => Ok(Scheme::None),
        _ => {
            let message = format!("`{}` is not an encryption", text.escape_debug());
            Err(Error::new(Code::ConfigInvalid, message).with_hint("encryptions are aes-256-gcm and none"))
        }
    }
}

/// An algorithm and perhaps its level: `zstd`, `gzip:9`.
pub fn compression(text: &str) -> Result<Compression> {
    match text.split_once(':') {
        None => Compression::new(Algorithm::parse(text)?, None),
        Some((name, level)) => {
            let algorithm = Algorithm::parse(name)?;
            let bad = |_| Error::new(Code::ConfigInvalid, format!("`{}` is not a level", level.escape_debug()));
            Compression::new(algorithm, Some(level.parse().map_err(bad)?))
        }
    }
}
