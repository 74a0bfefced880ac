//! Functions that compare a row with the VPC's configuration: why a packet was refused, why traffic to S3 went
//! around the endpoint, and what to do about it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array as _, ArrayRef, AsArray as _, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, TimeUnit, TimestampSecondType};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::engine::functions::fits;
use crate::flow::address;
use crate::inventory::Inventory;
use crate::reachability::{Analyzer, BypassObservation, Fix, RejectedPacket};
use crate::vpc::FiveTuple;
use crate::vpc::ports::LINUX_EPHEMERAL;

/// The inventory, indexed at the first row.
struct LazyAnalyzer {
    inventory: Arc<Inventory>,
    reach: OnceLock<Analyzer>,
}

/// What a function returns of a row.
type Explain = fn(&Analyzer, &Row<'_>) -> Option<String>;

/// One function: `signature` names its arguments.
struct ReachabilityFunction {
    name: &'static str,
    takes: &'static str,
    arguments: Vec<DataType>,
    signature: Signature,
    lazy: Arc<LazyAnalyzer>,
    tell: Explain,
}

/// Arguments of the functions of a refused packet.
const REFUSED: &str = "(local_interface, remote_interface, local_addr, remote_addr, local_port, remote_port, protocol, leg, at)";
/// Arguments of the functions of traffic to S3.
const BYPASSED: &str = "(vpc_id, subnet_id, region, remote_addr, path)";

/// Creates the functions over an inventory.
pub(crate) fn functions(inventory: &Arc<Inventory>) -> Vec<ScalarUDF> {
    let lazy = Arc::new(LazyAnalyzer { inventory: Arc::clone(inventory), reach: OnceLock::new() });
    let (text, number) = (DataType::Utf8View, DataType::Int32);
    let time = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    let mut refused = vec![text.clone(); 4];
    refused.extend([number.clone(), number.clone(), number, text.clone(), time]);
    let bypassed = vec![text; 5];
    let made: [(&'static str, &'static str, &[DataType], Explain); 5] = [
        ("why_refused", REFUSED, &refused, why_refused),
        ("fix_refused", REFUSED, &refused, fix_refused),
        ("fix_refused_ports", REFUSED, &refused, fix_refused_ports),
        ("why_bypassed", BYPASSED, &bypassed, why_bypassed),
        ("fix_bypassed", BYPASSED, &bypassed, fix_bypassed),
    ];
    let made = made.into_iter().map(|(name, takes, arguments, tell)| {
        ScalarUDF::from(ReachabilityFunction {
            name,
            takes,
            arguments: arguments.to_vec(),
            signature: Signature::user_defined(Volatility::Stable),
            lazy: Arc::clone(&lazy),
            tell,
        })
    });
    made.collect()
}

impl fmt::Debug for ReachabilityFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Why").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for ReachabilityFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.lazy, &other.lazy)
    }
}

impl Eq for ReachabilityFunction {}

impl Hash for ReachabilityFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, Arc::as_ptr(&self.lazy)).hash(state);
    }
}

impl ScalarUDFImpl for ReachabilityFunction {
    fn name(&self) -> &'static str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let fit = |(expected, given): (&DataType, &DataType)| match expected {
            DataType::Timestamp(..) => matches!(given, DataType::Timestamp(..) | DataType::Null),
            expected => fits(expected, given),
        };
        if given.len() != self.arguments.len() || !self.arguments.iter().zip(given).all(fit) {
            return plan_err!("it takes {}", self.takes);
        }
        Ok(self.arguments.clone())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let typed = columns.iter().zip(&self.arguments).map(|(column, kind)| cast(column, kind));
        let columns = typed.collect::<Result<Vec<ArrayRef>, _>>()?;
        let rows = columns.first().map_or(0, |column| column.len());
        let mut values = StringViewBuilder::with_capacity(rows);
        for at in 0..rows {
            let reach = || Analyzer::new(Arc::clone(&self.lazy.inventory));
            let reach = self.lazy.reach.get_or_init(reach);
            values.append_option((self.tell)(reach, &Row { columns: &columns, at }));
        }
        Ok(ColumnarValue::Array(Arc::new(values.finish())))
    }
}

/// One row of the arguments.
struct Row<'a> {
    columns: &'a [ArrayRef],
    at: usize,
}

impl<'a> Row<'a> {
    fn text(&self, column: usize) -> Option<&'a str> {
        let column = self.columns[column].as_string_view();
        column.is_valid(self.at).then(|| column.value(self.at))
    }

    fn number(&self, column: usize) -> Option<i32> {
        let column = self.columns[column].as_primitive::<Int32Type>();
        column.is_valid(self.at).then(|| column.value(self.at))
    }

    /// A port; `None` for a number that is no port.
    fn port(&self, column: usize) -> Option<u16> {
        u16::try_from(self.number(column)?).ok()
    }

    fn seconds(&self, column: usize) -> Option<i64> {
        let column = self.columns[column].as_primitive::<TimestampSecondType>();
        column.is_valid(self.at).then(|| column.value(self.at))
    }

    fn refused(&self) -> Option<RejectedPacket<'a>> {
        let tuple = FiveTuple {
            source: address::parse(self.text(2)?)?,
            destination: address::parse(self.text(3)?)?,
            source_port: self.port(4),
            destination_port: self.port(5),
            protocol: u8::try_from(self.number(6)?).ok()?,
            icmp: None,
        };
        let leg = self.text(7)?.parse().ok()?;
        let (opener, answerer, at) = (self.text(0), self.text(1), self.seconds(8));
        Some(RejectedPacket { opener, answerer, tuple, ports: None, leg, at })
    }

    fn bypassed(&self) -> Option<BypassObservation<'a>> {
        let (vpc, subnet, region) = (self.text(0), self.text(1), self.text(2));
        let remote = address::parse(self.text(3)?)?;
        Some(BypassObservation {
            vpc,
            subnet,
            region,
            remote,
            path: self.text(4).unwrap_or_default(),
        })
    }
}

fn why_refused(reach: &Analyzer, row: &Row<'_>) -> Option<String> {
    match row.refused() {
        Some(refused) => reach.refusal(&refused).cause,
        // NULL would mean that the inventory allows it.
        None => Some("not known: the log has no protocol field".to_owned()),
    }
}

fn fix_refused(reach: &Analyzer, row: &Row<'_>) -> Option<String> {
    Fix::paste(&reach.refusal(&row.refused()?).fixes)
}

/// As [`fix_refused`], for connections to ports that are picked anew for each run: a rule for every port, or for
/// those only from which Linux picks, where the port is one of them.
fn fix_refused_ports(reach: &Analyzer, row: &Row<'_>) -> Option<String> {
    let mut refused = row.refused()?;
    let port = refused.tuple.destination_port?;
    refused.ports = Some(0..=u16::MAX);
    let every = Fix::paste(&reach.refusal(&refused).fixes)?;
    if !LINUX_EPHEMERAL.contains(&port) {
        return Some(every);
    }
    let (first, last) = (LINUX_EPHEMERAL.start(), LINUX_EPHEMERAL.end());
    refused.ports = Some(LINUX_EPHEMERAL);
    let few = Fix::paste(&reach.refusal(&refused).fixes)?;
    Some(format!(
        "{every}\n\nor, for less: the ports only from which Linux picks ({first}-{last}), and with it Spark, MPI, \
         gloo and NCCL where no port is configured:\n{few}"
    ))
}

fn why_bypassed(reach: &Analyzer, row: &Row<'_>) -> Option<String> {
    Some(reach.bypass(&row.bypassed()?).cause)
}

fn fix_bypassed(reach: &Analyzer, row: &Row<'_>) -> Option<String> {
    reach.bypass(&row.bypassed()?).remediation()
}
