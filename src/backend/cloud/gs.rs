//! `gs:`: Google's storage, over its XML interface.
//!
//! Credentials are looked for as Google's own tools do: variables, the file that `gcloud auth application-default
//! login` writes, the machine itself.

use super::address::Address;
use super::heed::Heed;
use super::{client_options, no_retries, over, unusable};
use crate::backend::{Access, Backend};
use crate::error::Result;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

/// What the login of Google's tools leaves in their directory.
const LOGIN_FILE: &str = "application_default_credentials.json";

fn address(rest: &OsStr) -> Result<Address> {
    Address::parse(rest, &[], |_| 0)
}

/// Refuses what is no address of this scheme.
pub(in crate::backend) fn check(rest: &OsStr) -> Result<()> {
    address(rest).map(drop)
}

/// The medium at an address.
///
/// # Errors
/// INVALID_ARG; CONFIG_INVALID of the files and variables that say who asks.
pub(in crate::backend) fn open(rest: &OsStr, shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    let address = address(rest)?;
    let mut builder = GoogleCloudStorageBuilder::new();
    for (name, value) in access.variables.beginning_with("GOOGLE_") {
        match name.to_ascii_lowercase().parse::<Key>() {
            Ok(Key::Client(_) | Key::Bucket) | Err(_) => {}
            Ok(key) => builder = builder.with_config(key, value),
        }
    }
    if let (None, Some(dir)) =
        (builder.get_config_value(&Key::ApplicationCredentials), access.variables.get("CLOUDSDK_CONFIG"))
    {
        let login = Path::new(dir).join(LOGIN_FILE);
        if login.is_file() {
            builder = builder.with_application_credentials(login.to_string_lossy());
        }
    }
    if let Some(endpoint) = &address.endpoint {
        builder = builder.with_config(Key::BaseUrl, endpoint);
    }
    let store = builder
        .with_bucket_name(&address.bucket)
        .with_client_options(client_options(address.is_clear()))
        .with_http_connector(Heed::default())
        .with_retry(no_retries())
        .build()
        .map_err(|error| unusable("gs", &error))?;
    over(store, address.prefix, shown, access)
}
