//! The calls that flowq makes without an SDK crate: what each is named, its protocol, its rate.

use std::time::Duration;

/// The protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// A form of this version; the response is XML.
    Query(&'static str),
    /// JSON 1.1; the text before the action in `X-Amz-Target`.
    Json(&'static str),
    /// JSON, posted to the path of the call.
    Rest,
}

/// A service of AWS.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// AWS's name of it, which the AWS configuration files use in small letters.
    pub(super) id: &'static str,
    /// Its name in signatures and in IAM actions.
    pub(super) name: &'static str,
    /// First labels of its host, before the region.
    pub(super) host: &'static str,
    /// The same where FIPS endpoints are requested.
    pub(super) host_fips: &'static str,
    /// The environment variable of its endpoint.
    pub(super) variable: &'static str,
    pub(super) protocol: Protocol,
    /// Key of the token that leads to the next page, in request and response.
    pub(super) token: &'static str,
    /// The least time between two calls, which keeps below the rate limit.
    pub(super) min_interval: Duration,
}

const EC2: Service = Service {
    id: "EC2",
    name: "ec2",
    host: "ec2",
    host_fips: "ec2-fips",
    variable: "AWS_ENDPOINT_URL_EC2",
    protocol: Protocol::Query("2016-11-15"),
    token: "NextToken",
    min_interval: Duration::from_millis(50),
};

const SAGEMAKER: Service = Service {
    id: "SageMaker",
    name: "sagemaker",
    host: "api.sagemaker",
    host_fips: "api-fips.sagemaker",
    variable: "AWS_ENDPOINT_URL_SAGEMAKER",
    protocol: Protocol::Json("SageMaker"),
    token: "NextToken",
    min_interval: Duration::from_millis(50),
};

const CLOUDTRAIL: Service = Service {
    id: "CloudTrail",
    name: "cloudtrail",
    host: "cloudtrail",
    host_fips: "cloudtrail-fips",
    variable: "AWS_ENDPOINT_URL_CLOUDTRAIL",
    protocol: Protocol::Json("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
    token: "NextToken",
    // `LookupEvents` may be called twice a second, in all the region.
    min_interval: Duration::from_millis(510),
};

const CONFIG: Service = Service {
    id: "Config Service",
    name: "config",
    host: "config",
    host_fips: "config-fips",
    variable: "AWS_ENDPOINT_URL_CONFIG_SERVICE",
    protocol: Protocol::Json("StarlingDoveService"),
    token: "nextToken",
    min_interval: Duration::from_millis(100),
};

const STS: Service = Service {
    id: "STS",
    name: "sts",
    host: "sts",
    host_fips: "sts-fips",
    variable: "AWS_ENDPOINT_URL_STS",
    protocol: Protocol::Query("2011-06-15"),
    token: "NextToken",
    min_interval: Duration::ZERO,
};

const CLOUDWATCH: Service = Service {
    id: "CloudWatch",
    name: "monitoring",
    host: "monitoring",
    host_fips: "monitoring-fips",
    variable: "AWS_ENDPOINT_URL_CLOUDWATCH",
    protocol: Protocol::Query("2010-08-01"),
    token: "NextToken",
    min_interval: Duration::ZERO,
};

const SNS: Service = Service {
    id: "SNS",
    name: "sns",
    host: "sns",
    host_fips: "sns-fips",
    variable: "AWS_ENDPOINT_URL_SNS",
    protocol: Protocol::Query("2010-03-31"),
    token: "NextToken",
    min_interval: Duration::ZERO,
};

const EVENT_BRIDGE: Service = Service {
    id: "EventBridge",
    name: "events",
    host: "events",
    host_fips: "events-fips",
    variable: "AWS_ENDPOINT_URL_EVENTBRIDGE",
    protocol: Protocol::Json("AWSEvents"),
    token: "NextToken",
    min_interval: Duration::ZERO,
};

const SECURITY_HUB: Service = Service {
    id: "SecurityHub",
    name: "securityhub",
    host: "securityhub",
    host_fips: "securityhub-fips",
    variable: "AWS_ENDPOINT_URL_SECURITYHUB",
    protocol: Protocol::Rest,
    token: "NextToken",
    // `BatchImportFindings` may be called ten times a second, in all the region.
    min_interval: Duration::from_millis(110),
};

/// `PutMetricData`. IAM calls the service `cloudwatch`. It is no call of the inventory.
pub const PUT_METRIC_DATA: Operation = Operation::new(CLOUDWATCH, "PutMetricData", "", 0);

/// A call.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    pub(super) service: Service,
    /// AWS's name of it.
    pub action: &'static str,
    /// Key of its list in the response; empty where it has none.
    pub list: &'static str,
    /// The largest page, with the key of that parameter. `None`: it has no pages,
    /// or pages whose size cannot be chosen.
    pub(super) page: Option<(&'static str, u32)>,
    /// What follows the host and a slash; only [`Protocol::Rest`] has any.
    pub(super) path: &'static str,
}

impl Operation {
    const fn new(service: Service, action: &'static str, list: &'static str, page: u32) -> Self {
        let key = if service.token.as_bytes()[0] == b'n' { "limit" } else { "MaxResults" };
        let page = if page > 0 { Some((key, page)) } else { None };
        Self { service, action, list, page, path: "" }
    }

    /// Returns the IAM action that allows it: `ec2:DescribeVpcs`.
    pub fn iam_action(&self) -> String {
        format!("{}:{}", self.service.name, self.action)
    }

    /// Returns whether IAM has to allow it: some operations need no permission.
    pub fn needs_permission(&self) -> bool {
        self.service.name != "sts"
    }
}

macro_rules! calls {
    ($($name:ident = $service:ident $action:literal $list:literal $page:literal;)*) => {
        $(
            #[doc = concat!("`", $action, "`.")]
            pub const $name: Operation = Operation::new($service, $action, $list, $page);
        )*

        /// Every call that the inventory makes, so that the policy which `flowq iam-policy` prints lacks none.
        pub const CALLS: &[Operation] = &[$($name),*];
    };
}

// The sizes of pages are AWS's upper bounds.
calls! {
    GET_CALLER_IDENTITY = STS "GetCallerIdentity" "" 0;
    LIST_PROCESSING_JOBS = SAGEMAKER "ListProcessingJobs" "ProcessingJobSummaries" 100;
    DESCRIBE_PROCESSING_JOB = SAGEMAKER "DescribeProcessingJob" "" 0;
    DESCRIBE_SUBNETS = EC2 "DescribeSubnets" "Subnets" 1000;
    DESCRIBE_NETWORK_INTERFACES = EC2 "DescribeNetworkInterfaces" "NetworkInterfaces" 1000;
    DESCRIBE_VPCS = EC2 "DescribeVpcs" "Vpcs" 1000;
    DESCRIBE_VPC_ATTRIBUTE = EC2 "DescribeVpcAttribute" "" 0;
    DESCRIBE_DHCP_OPTIONS = EC2 "DescribeDhcpOptions" "DhcpOptions" 1000;
    DESCRIBE_ROUTE_TABLES = EC2 "DescribeRouteTables" "RouteTables" 100;
    DESCRIBE_VPC_ENDPOINTS = EC2 "DescribeVpcEndpoints" "VpcEndpoints" 1000;
    DESCRIBE_PREFIX_LISTS = EC2 "DescribePrefixLists" "PrefixLists" 1000;
    DESCRIBE_MANAGED_PREFIX_LISTS = EC2 "DescribeManagedPrefixLists" "PrefixLists" 100;
    GET_MANAGED_PREFIX_LIST_ENTRIES = EC2 "GetManagedPrefixListEntries" "Entries" 100;
    DESCRIBE_SECURITY_GROUPS = EC2 "DescribeSecurityGroups" "SecurityGroups" 1000;
    DESCRIBE_NETWORK_ACLS = EC2 "DescribeNetworkAcls" "NetworkAcls" 1000;
    DESCRIBE_NAT_GATEWAYS = EC2 "DescribeNatGateways" "NatGateways" 1000;
    DESCRIBE_FLOW_LOGS = EC2 "DescribeFlowLogs" "FlowLogs" 1000;
    LOOKUP_EVENTS = CLOUDTRAIL "LookupEvents" "Events" 50;
    DESCRIBE_CONFIGURATION_RECORDERS =
        CONFIG "DescribeConfigurationRecorders" "ConfigurationRecorders" 0;
    LIST_DISCOVERED_RESOURCES = CONFIG "ListDiscoveredResources" "resourceIdentifiers" 100;
    GET_RESOURCE_CONFIG_HISTORY = CONFIG "GetResourceConfigHistory" "configurationItems" 100;
}

/// `Publish` of up to ten messages to a topic of SNS.
pub const PUBLISH_BATCH: Operation = Operation::new(SNS, "PublishBatch", "", 0);

/// `PutEvents`, ten at most, on a bus of EventBridge.
pub const PUT_EVENTS: Operation = Operation::new(EVENT_BRIDGE, "PutEvents", "", 0);

/// `BatchImportFindings`, a hundred at most, into Security Hub.
pub const BATCH_IMPORT_FINDINGS: Operation = Operation {
    path: "findings/import",
    ..Operation::new(SECURITY_HUB, "BatchImportFindings", "", 0)
};
