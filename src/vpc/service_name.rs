//! Names of AWS services as endpoints and prefix lists carry them: `com.amazonaws.us-east-1.s3`.

/// Returns region and service of a service name: `us-east-1` and `sagemaker.api` of
/// `com.amazonaws.us-east-1.sagemaker.api`. `None` for names of other shapes.
pub fn parse(name: &str) -> Option<(&str, &str)> {
    let (_, rest) = name.split_once("com.amazonaws.")?;
    rest.split_once('.')
}

/// Returns the region of S3 in the name of a service or a prefix list. `None` when it names another service;
/// S3 Express is another service.
pub fn s3_region(name: &str) -> Option<&str> {
    let (region, service) = parse(name)?;
    (service == "s3" || service.ends_with(".s3")).then_some(region)
}

/// Returns the service part of a service name. Names of other shapes are returned whole.
pub fn short_service(name: &str) -> &str {
    parse(name).map_or(name, |(_, service)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_is_named_with_its_region() {
        assert_eq!(s3_region("com.amazonaws.us-east-1.s3"), Some("us-east-1"));
        assert_eq!(s3_region("cn.com.amazonaws.cn-north-1.s3"), Some("cn-north-1"));
        assert_eq!(s3_region("com.amazonaws.us-east-1.s3express"), None);
        assert_eq!(s3_region("com.amazonaws.us-east-1.dynamodb"), None);
        assert_eq!(s3_region("my-list.s3"), None);
        assert_eq!(short_service("com.amazonaws.us-east-1.sagemaker.api"), "sagemaker.api");
        assert_eq!(
            short_service("com.amazonaws.vpce.us-east-1.vpce-svc-1"),
            "us-east-1.vpce-svc-1"
        );
    }
}
