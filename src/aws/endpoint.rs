//! Where a service of a region is reached.

use crate::aws::operations::Service;

/// A part of AWS with accounts of its own: beginning of its regions, name in ARNs, DNS suffix, and the
/// suffix of endpoints that answer IPv6 too. The last one is that of all other regions.
const PARTITIONS: &[(&str, &str, &str, &str)] = &[
    ("cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com", "api.aws"),
    ("us-iso-", "aws-iso", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("", "aws", "amazonaws.com", "api.aws"),
];

/// Returns the partition of a region as ARNs name it: `aws-cn` of `cn-north-1`.
pub fn partition(region: &str) -> &'static str {
    let found = PARTITIONS.iter().find(|(start, ..)| region.starts_with(start));
    found.map_or("aws", |(_, name, ..)| name)
}

/// Returns the endpoint of a service where the user named none.
pub(super) fn of(service: &Service, region: &str, fips: bool, dual_stack: bool) -> String {
    let partition = partition(region);
    let suffixes = PARTITIONS.iter().find(|(_, name, ..)| *name == partition);
    let suffix = suffixes.map_or(
        "amazonaws.com",
        |(_, _, plain, dual)| {
            if dual_stack { dual } else { plain }
        },
    );
    // In GovCloud the ordinary hosts are FIPS endpoints, SageMaker's apart.
    let fips = fips && (partition != "aws-us-gov" || service.name == "sagemaker");
    let host = if fips { service.host_fips } else { service.host };
    format!("https://{host}.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::operations;

    #[test]
    fn every_partition_has_its_hosts() {
        let sagemaker = operations::LIST_PROCESSING_JOBS.service;
        let ec2 = operations::DESCRIBE_VPCS.service;
        for (service, region, fips, dual, want) in [
            (
                &sagemaker,
                "eu-west-1",
                false,
                false,
                "https://api.sagemaker.eu-west-1.amazonaws.com",
            ),
            (
                &sagemaker,
                "us-east-1",
                true,
                false,
                "https://api-fips.sagemaker.us-east-1.amazonaws.com",
            ),
            (&ec2, "cn-north-1", false, false, "https://ec2.cn-north-1.amazonaws.com.cn"),
            (&ec2, "us-gov-west-1", true, false, "https://ec2.us-gov-west-1.amazonaws.com"),
            (&ec2, "us-isob-east-1", false, false, "https://ec2.us-isob-east-1.sc2s.sgov.gov"),
            (&ec2, "us-east-2", true, true, "https://ec2-fips.us-east-2.api.aws"),
        ] {
            assert_eq!(of(service, region, fips, dual), want);
        }
        assert_eq!(partition("us-gov-east-1"), "aws-us-gov");
        assert_eq!(partition("ap-south-1"), "aws");
    }
}
