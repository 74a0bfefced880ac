//! Whether a response that lists objects came whole: what is cut in the middle reads like a shorter listing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// How the response ends, whatever namespace it has.
const END: &[u8] = b"ListBucketResult>";

/// Notes whether the last response was cut.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    pub(super) fn is_cut(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Cut {
    fn name(&self) -> &'static str {
        "Cut"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        let is_cut = answer.status().is_success()
            && answer.body().bytes().is_some_and(|body| !body.trim_ascii_end().ends_with(END));
        self.0.store(is_cut, Ordering::Relaxed);
        Ok(())
    }
}
