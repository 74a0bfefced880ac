//! Sections of AWS's documentation that recommend what is checked.

/// A section of AWS's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Where it stands.
    pub url: &'static str,
}

/// Makes the sections of the guide, each with its anchor.
macro_rules! sections {
    ($($name:ident = $title:literal at $url:literal;)+) => {
        $(pub(super) const $name: Section = Section { title: $title, url: $url };)+
    };
}

sections! {
    CONFIGURE = "Configure a Processing Job for Amazon VPC Access"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-configure";
    ADDRESSES = "Ensure That Subnets Have Enough IP Addresses"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-ip";
    S3 = "Create an Amazon S3 VPC Endpoint"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-s3";
    POLICY = "Use a Custom Endpoint Policy to Restrict Access to S3"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-policy";
    REPOSITORIES = "Restrict Package Installation on the Processing Container"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-policy-repos";
    ROUTES = "Configure Route Tables"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-route-table";
    GROUPS = "Configure the VPC Security Group"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-groups";
    OUTSIDE = "Connect to Resources Outside Your VPC"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc-nat";
    FLOW_LOGS = "Give SageMaker AI Processing Jobs Access to Resources in Your Amazon VPC (VPC flow logs)"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html#process-vpc";
    ENCRYPTION = "Protect Communications Between ML Compute Instances in a Distributed Training Job"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/train-encrypt.html";
    ISOLATION = "Run Training and Inference Containers in Internet-Free Mode"
        at "https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html";
}
