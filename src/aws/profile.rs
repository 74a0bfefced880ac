//! The profile that the user names with `--profile`.

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

/// Returns credentials of this profile alone. A named profile goes before the keys in the environment, as in
/// every AWS tool; `AWS_PROFILE` does not.
pub(super) async fn credentials(name: &str, region: Option<&str>) -> SharedCredentialsProvider {
    if let Some(reason) = undefined(name).await {
        return SharedCredentialsProvider::new(Undefined(reason));
    }
    let region = match region {
        Some(region) => Some(aws_config::Region::new(region.to_owned())),
        None => DefaultRegionChain::builder().profile_name(name).build().region().await,
    };
    let config = ProviderConfig::without_region().with_region(region);
    let provider = ProfileFileCredentialsProvider::builder().configure(&config);
    SharedCredentialsProvider::new(provider.profile_name(name).build())
}

/// The credentials of a profile that is not defined: every call fails with the reason.
#[derive(Debug)]
struct Undefined(String);

impl ProvideCredentials for Undefined {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(self.0.clone())))
    }
}

/// Returns why there is no such profile, with those that are defined; `None` if there is one, or if the files
/// cannot be read, which the first call reports.
pub(super) async fn undefined(name: &str) -> Option<String> {
    let files = EnvConfigFiles::default();
    let defined = aws_config::profile::load(&Fs::real(), &Env::real(), &files, None).await.ok()?;
    if defined.get_profile(name).is_some() {
        return None;
    }
    let mut names: Vec<&str> = defined.profiles().collect();
    names.sort_unstable();
    Some(match names.as_slice() {
        [] => format!("profile `{name}` was not defined, and no other is"),
        names => format!("profile `{name}` was not defined; there is {}", names.join(", ")),
    })
}
