//! The functions that flowq adds to SQL, and the one list that describes them.

pub(crate) mod allow_rules;
pub(crate) mod intern;
pub(crate) mod most_within;
pub(crate) mod reachability;
pub(crate) mod window;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, FixedSizeBinaryBuilder, Int32Array,
    Int64Array, StringViewArray, StringViewBuilder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::prelude::SessionContext;
use ipnet::IpNet;

use crate::flow::{address, protocol};

/// One function of SQL, as `flowq functions` and `\df` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called: `in_cidr(ip, cidr)`.
    pub signature: &'static str,
    /// The SQL type that it returns.
    pub returns: &'static str,
    /// One line of meaning.
    pub meaning: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
}

const fn function(
    signature: &'static str,
    returns: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Function {
    let (name, _) = signature.split_at(name_len(signature));
    Function { name, signature, returns, meaning, example }
}

const fn name_len(signature: &str) -> usize {
    let mut len = 0;
    while len < signature.len() && signature.as_bytes()[len] != b'(' {
        len += 1;
    }
    len
}

/// The functions that read a file as a table, in `flowq sql` alone.
#[rustfmt::skip]
pub const FILE_FUNCTIONS: &[Function] = &[
    function("read_csv(file)",     "table", "rows of a CSV file with a header, plain or gzip, 128 MiB at most; only in flowq sql",
             "SELECT * FROM read_csv('list.csv')"),
    function("read_json(file)",    "table", "rows of JSON, one object a line or one array of objects; as read_csv",
             "SELECT * FROM read_json('list.ndjson')"),
    function("read_parquet(file)", "table", "rows of a Parquet file; as read_csv",
             "SELECT * FROM read_parquet('list.parquet')"),
];

/// Every function that flowq adds. An argument of an address or a number that is NULL, or no such thing,
/// gives NULL.
#[rustfmt::skip]
pub const FUNCTIONS: &[Function] = &[
    function("in_cidr(ip, cidr)",      "boolean", "whether the address is in the range; a literal that is no range is an error",
             "in_cidr(dstaddr, '10.0.0.0/8')"),
    function("ip_family(ip)",          "integer", "4 or 6; an IPv4-mapped IPv6 address is 4",
             "ip_family(srcaddr) = 6"),
    function("ip_key(ip)",             "binary",  "16 bytes that compare, sort and join as the address does, IPv4 before IPv6",
             "ORDER BY ip_key(srcaddr)"),
    function("is_private(ip)",         "boolean", "RFC 1918, RFC 6598 (100.64.0.0/10) or IPv6 ULA (fc00::/7); not link-local, not loopback",
             "NOT is_private(dstaddr)"),
    function("aws_service(ip)",        "text",    "AWS service whose public range in the inventory contains the address; NULL when none does",
             "aws_service(dstaddr) = 'S3'"),
    function("protocol_name(number)",  "text",    "name of an IANA protocol number; NULL when it has none",
             "protocol_name(protocol) = 'TCP'"),
    function("tcp_flags_text(number)", "text",    "names of the TCP flags of a record",
             "tcp_flags_text(tcp_flags)"),
    function("traffic_path_name(number)", "text", "what a traffic_path number stands for; NULL when AWS documents none",
             "traffic_path_name(traffic_path)"),
    function("allowed_by(job_name, remote_addr, remote_scope, remote_port, protocol)", "text",
             "reason, or number, of the first allow rule of flowq.toml that fits; NULL when none does",
             "allowed_by(job_name, remote_addr, remote_scope, remote_port, protocol) IS NULL"),
    function("baseline_rule(job_name, remote_addr, remote_scope, remote_port, protocol)", "integer",
             "number of the first rule by which this is known: learned, with a band, or for a single address; 0 when none is, NULL without a baseline of the job",
             "baseline_rule(job_name, remote_addr, remote_scope, remote_port, protocol) = 0"),
    function("destination_of(remote_addr, remote_scope)", "text", "where an address is, in the words of an allow rule's `to`: service, prefix list, same-job, vpc, else the address",
             "destination_of(remote_addr, remote_scope) = 'service:S3'"),
    function("why_refused(local_interface, remote_interface, local_addr, remote_addr, local_port, remote_port, protocol, leg, at)",
             "text", "the rule that refused a packet, or that is missing; NULL when the inventory lets it through. The local side \
              opened it; leg is request-out, request-in, reply-out, reply-in or unanswered",
             "why_refused(interface_id, remote_interface_id, local_addr, remote_addr, local_port, remote_port, protocol, 'request-in', start)"),
    function("fix_refused(local_interface, remote_interface, local_addr, remote_addr, local_port, remote_port, protocol, leg, at)",
             "text", "what would let that packet through: AWS CLI, then Terraform",
             "fix_refused(interface_id, remote_interface_id, local_addr, remote_addr, local_port, remote_port, protocol, 'request-in', start)"),
    function("fix_refused_ports(local_interface, remote_interface, local_addr, remote_addr, local_port, remote_port, protocol, leg, at)",
             "text", "as fix_refused, for a port that a framework picked: a rule for all ports, or for those that Linux picks",
             "fix_refused_ports(interface_id, remote_interface_id, local_addr, remote_addr, local_port, remote_port, protocol, 'request-in', start)"),
    function("why_bypassed(vpc_id, subnet_id, region, remote_addr, path)", "text",
             "why traffic to S3 went around the gateway endpoint; path is its s3_path",
             "why_bypassed(vpc_id, subnet_id, region, remote_addr, s3_path)"),
    function("fix_bypassed(vpc_id, subnet_id, region, remote_addr, path)", "text",
             "what would lead it to the endpoint: AWS CLI, then Terraform",
             "fix_bypassed(vpc_id, subnet_id, region, remote_addr, s3_path)"),
    function("first_records(start, object, line)", "list",
             "aggregate: where the first 3 records of a group are, by start, object and line",
             "first_records(start, object, line) FILTER (WHERE action = 'REJECT')"),
    function("first_starts(start)", "list",
             "aggregate: the first 100 distinct times of a group, sorted",
             "first_starts(start) FILTER (WHERE direction = 'egress')"),
    function("most_within(times, secs)", "integer",
             "largest number of Unix seconds of a list within any window of the given seconds",
             "most_within(array_agg(CAST(start AS BIGINT)), 60)"),
];

/// Returns the AWS service whose public range contains an address.
pub type AwsService = Arc<dyn Fn(IpAddr) -> Option<String> + Send + Sync>;

/// Adds the functions of addresses and numbers to a session.
pub fn register(ctx: &SessionContext, aws_service: AwsService) {
    let text = DataType::Utf8View;
    let number = DataType::Int64;
    let key = DataType::FixedSizeBinary(16);
    let udfs = [
        Udf::new("in_cidr", &[&text, &text], DataType::Boolean, in_cidr),
        Udf::new("ip_family", &[&text], DataType::Int32, |args| {
            Ok(Arc::new(
                addresses(&args[0]).map(|ip| Some(address::ip_family(ip?))).collect::<Int32Array>(),
            ))
        }),
        Udf::new("ip_key", &[&text], key, ip_key),
        Udf::new("is_private", &[&text], DataType::Boolean, |args| {
            let answers = addresses(&args[0]).map(|ip| ip.map(address::is_private));
            Ok(Arc::new(answers.collect::<BooleanArray>()))
        }),
        Udf::new("aws_service", &[&text], DataType::Utf8View, move |args| {
            let services = addresses(&args[0]).map(|ip| aws_service(ip?));
            Ok(Arc::new(services.collect::<StringViewArray>()))
        }),
        Udf::new("protocol_name", &[&number], DataType::Utf8View, |args| {
            Ok(names(&args[0], protocol::protocol_name))
        }),
        Udf::new("tcp_flags_text", &[&number], DataType::Utf8View, |args| {
            Ok(names(&args[0], |flags| Some(protocol::tcp_flags_text(flags))))
        }),
        Udf::new("traffic_path_name", &[&number], DataType::Utf8View, |args| {
            Ok(names(&args[0], protocol::traffic_path_name))
        }),
    ];
    for udf in udfs {
        ctx.register_udf(ScalarUDF::new_from_impl(udf));
    }
}

type Body = dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync;

/// A function over arrays of text or of numbers; whatever text or number comes in is cast to that first.
#[derive(Clone)]
struct Udf {
    name: &'static str,
    arguments: Vec<DataType>,
    returns: DataType,
    signature: Signature,
    body: Arc<Body>,
}

impl Udf {
    fn new(
        name: &'static str,
        arguments: &[&DataType],
        returns: DataType,
        body: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        let arguments = arguments.iter().map(|&kind| kind.clone()).collect();
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, arguments, returns, signature, body: Arc::new(body) }
    }
}

impl fmt::Debug for Udf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

// A session has one function of each name, so that names identify them.
impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() != self.arguments.len() {
            let (wants, has) = (self.arguments.len(), given.len());
            return plan_err!("{} takes {wants} argument(s), not {has}", self.name);
        }
        // What does not fit is left as it is, and refused below in words of our own.
        let pairs = self.arguments.iter().zip(given);
        Ok(pairs
            .map(|(expected, given)| if fits(expected, given) { expected } else { given }.clone())
            .collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        for (expected, given) in self.arguments.iter().zip(args.arg_fields) {
            if !fits(expected, given.data_type()) {
                let what = if expected.is_integer() { "a whole number" } else { "text" };
                return plan_err!("{} takes {what}, not {}", self.name, given.data_type());
            }
        }
        // A wrong range in the query is reported when it is planned, even over no rows at all.
        if self.name == "in_cidr"
            && let Some(Some(cidr)) = args.scalar_arguments.get(1)
            && let Some(Some(text)) = cidr.try_as_str()
            && address::parse_net(text).is_none()
        {
            return plan_err!("in_cidr: {text:?} is not a CIDR range such as 10.0.0.0/8");
        }
        Ok(Arc::new(Field::new(self.name, self.returns.clone(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        for (expected, array) in self.arguments.iter().zip(&arrays) {
            if array.data_type() != expected {
                return exec_err!("{} got {}, not {expected}", self.name, array.data_type());
            }
        }
        let answer = (self.body)(&arrays)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?));
        }
        Ok(ColumnarValue::Array(answer))
    }
}

pub(super) fn fits(expected: &DataType, given: &DataType) -> bool {
    match given {
        DataType::Null => true,
        DataType::Dictionary(_, values) => fits(expected, values),
        given if expected.is_integer() => given.is_integer(),
        given => given.is_string(),
    }
}

fn addresses(array: &ArrayRef) -> impl Iterator<Item = Option<IpAddr>> {
    array.as_string_view().iter().map(|text| address::parse(text?))
}

fn in_cidr(args: &[ArrayRef]) -> Result<ArrayRef> {
    // The range is nearly always the same in every row, so the last one is cached.
    let mut last: Option<(&str, Option<IpNet>)> = None;
    let mut range = |text| match last {
        Some((known, net)) if known == text => net,
        _ => {
            let net = address::parse_net(text);
            last = Some((text, net));
            net
        }
    };
    let ranges = args[1].as_string_view().iter();
    let answers =
        addresses(&args[0]).zip(ranges).map(|(ip, text)| Some(range(text?)?.contains(&ip?)));
    Ok(Arc::new(answers.collect::<BooleanArray>()))
}

fn ip_key(args: &[ArrayRef]) -> Result<ArrayRef> {
    let mut keys = FixedSizeBinaryBuilder::with_capacity(args[0].len(), 16);
    for ip in addresses(&args[0]) {
        match ip {
            Some(IpAddr::V4(v4)) => keys.append_value(v4.to_ipv6_mapped().octets())?,
            Some(IpAddr::V6(v6)) => keys.append_value(Ipv6Addr::octets(&v6))?,
            None => keys.append_null(),
        }
    }
    Ok(Arc::new(keys.finish()))
}

fn names<T: AsRef<str>>(array: &ArrayRef, name: impl Fn(i32) -> Option<T>) -> ArrayRef {
    let numbers: &Int64Array = array.as_primitive::<Int64Type>();
    let mut names = StringViewBuilder::with_capacity(numbers.len());
    for number in numbers {
        let name = number.and_then(|number| name(i32::try_from(number).ok()?));
        names.append_option(name);
    }
    Arc::new(names.finish())
}

#[cfg(test)]
mod tests;
