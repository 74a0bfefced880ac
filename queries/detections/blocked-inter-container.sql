-- title       = "Traffic between the instances of one processing job was refused"
-- severity    = "medium"
-- mitre       = []
-- description = """
-- REJECT between two interfaces of the same job, or of the same candidates, whatever the protocol. The finding is
-- seen from the side that opened the connection; where that is not known, from the sender of the refused packet.
-- Which side refused which packet shows the cause. Late packets of a connection that had been closed are not reported.
-- Refused connections between the same two instances to ephemeral ports (from 32768 on) are one finding, without a port.
-- """
-- remediation = "let the job's security group accept traffic from itself, and the network ACLs of its subnets in both directions"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- actions     = ["REJECT"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "reject_reason"]
-- proven      = ["reject_reason"]
WITH sides AS (
    -- Both interfaces log a conversation. `low` is one end of it, the same for the rows of both interfaces.
    SELECT
        *,
        coalesce(job_arn, job_name) AS job,
        CASE WHEN is_low THEN interface_id ELSE remote_interface_id END AS low_interface,
        CASE WHEN is_low THEN remote_interface_id ELSE interface_id END AS high_interface,
        CASE WHEN is_low THEN local_addr ELSE remote_addr END AS low_addr,
        CASE WHEN is_low THEN remote_addr ELSE local_addr END AS high_addr,
        coalesce(CASE WHEN is_low THEN local_port ELSE remote_port END, -1) AS low_port,
        coalesce(CASE WHEN is_low THEN remote_port ELSE local_port END, -1) AS high_port
    FROM (
        SELECT
            *,
            local_addr < remote_addr
                OR (local_addr = remote_addr AND coalesce(local_port, -1) <= coalesce(remote_port, -1)) AS is_low
        FROM refused_conversations
    )
),
pairs AS (
    SELECT
        low_interface,
        high_interface,
        low_addr,
        high_addr,
        low_port,
        high_port,
        protocol,
        min(job) FILTER (WHERE is_low) AS low_job,
        min(job) FILTER (WHERE NOT is_low) AS high_job,
        bool_or(coalesce(opened_by = CASE WHEN is_low THEN 'local' ELSE 'remote' END, false)) AS low_opened,
        bool_or(coalesce(opened_by = CASE WHEN is_low THEN 'remote' ELSE 'local' END, false)) AS high_opened,
        sum(CASE WHEN is_low THEN rejected_out ELSE rejected_in END) AS low_refused,
        sum(CASE WHEN is_low THEN rejected_in ELSE rejected_out END) AS high_refused,
        -- Without flags a late packet and a new attempt look the same, once both directions had worked. What was
        -- rejected before they did is no late packet.
        protocol = 6
            AND bool_and(accepted_out_first IS NOT NULL AND accepted_in_first IS NOT NULL)
            AND greatest(max(accepted_out_first), max(accepted_in_first)) < min(rejected_first)
            AND sum(rejected_syn) = 0
            AND sum(rejected_flagless) = 0 AS is_vague
    FROM sides
    GROUP BY low_interface, high_interface, low_addr, high_addr, low_port, high_port, protocol
    HAVING sum(rejected_out + rejected_in) > 0
        AND NOT (
            -- Late packets after close: no SYN, and the same ports had been used and closed.
            protocol = 6
            AND sum(rejected_syn) = 0
            AND sum(rejected_flagless) = sum(rejected_out + rejected_in)
            AND min(closed_at) IS NOT NULL
            -- Both ends of an aggregation interval may be 60 s off.
            AND min(rejected_first) >= min(closed_at) - INTERVAL '60 seconds'
        )
),
oriented AS (
    SELECT
        *,
        CASE
            WHEN low_opened <> high_opened THEN low_opened
            ELSE low_refused > 0
        END AS from_low
    FROM pairs
),
legs AS (
    SELECT
        s.*,
        coalesce(
            CASE WHEN o.from_low THEN coalesce(o.low_job, o.high_job) ELSE coalesce(o.high_job, o.low_job) END,
            CASE WHEN o.from_low THEN o.low_interface ELSE o.high_interface END
        ) AS key_job,
        s.is_low = o.from_low AS is_opener,
        CASE WHEN o.from_low THEN o.low_interface ELSE o.high_interface END AS opener_interface,
        CASE WHEN o.from_low THEN o.high_interface ELSE o.low_interface END AS answerer_interface,
        CASE WHEN o.from_low THEN o.low_addr ELSE o.high_addr END AS opener_addr,
        CASE WHEN o.from_low THEN o.high_addr ELSE o.low_addr END AS answerer_addr,
        CASE WHEN o.from_low THEN o.low_port ELSE o.high_port END AS opener_port,
        CASE WHEN o.from_low THEN o.high_port ELSE o.low_port END AS answerer_port,
        -- Frameworks pick new ports for each run: rejected ones have one cause.
        s.protocol IN (6, 17) AND CASE WHEN o.from_low THEN o.high_port ELSE o.low_port END >= 32768 AS is_ephemeral,
        o.is_vague
    FROM sides AS s
    JOIN oriented AS o
        ON (o.low_interface IS NOT DISTINCT FROM s.low_interface)
        AND (o.high_interface IS NOT DISTINCT FROM s.high_interface)
        AND o.low_addr = s.low_addr
        AND o.high_addr = s.high_addr
        AND o.low_port = s.low_port
        AND o.high_port = s.high_port
        AND (o.protocol IS NOT DISTINCT FROM s.protocol)
),
keyed AS (
    SELECT
        key_job,
        opener_addr,
        answerer_addr,
        CASE WHEN NOT is_ephemeral THEN answerer_port END AS key_port,
        min(answerer_port) AS answerer_port,
        max(answerer_port) AS last_port,
        bool_and(is_ephemeral) AS is_ephemeral,
        array_sort(array_agg(DISTINCT answerer_port)) AS ports,
        protocol,
        min(rejected_first) AS first_seen,
        max(rejected_last) AS last_seen,
        coalesce(min(account_id) FILTER (WHERE is_opener), min(account_id)) AS account_id,
        coalesce(min(region) FILTER (WHERE is_opener), min(region)) AS region,
        coalesce(min(vpc_id) FILTER (WHERE is_opener), min(vpc_id)) AS vpc_id,
        min(subnet_id) FILTER (WHERE is_opener) AS opener_subnet,
        min(subnet_id) FILTER (WHERE NOT is_opener) AS answerer_subnet,
        min(opener_interface) AS opener_interface,
        min(answerer_interface) AS answerer_interface,
        max(opener_port) AS opener_port,
        coalesce(min(job_name) FILTER (WHERE is_opener), min(job_name)) AS job_name,
        coalesce(min(job_arn) FILTER (WHERE is_opener), min(job_arn)) AS job_arn,
        coalesce(min(job_candidates) FILTER (WHERE is_opener), min(job_candidates)) AS job_candidates,
        coalesce(min(attribution) FILTER (WHERE is_opener), min(attribution)) AS attribution,
        min(reject_reason) AS reject_reason,
        bool_and(is_vague) AS is_vague,
        bool_or(is_opener) AS opener_logged,
        coalesce(sum(accepted_out) FILTER (WHERE is_opener), 0) AS request_left,
        coalesce(sum(rejected_out) FILTER (WHERE is_opener), 0) AS request_held,
        coalesce(sum(accepted_in) FILTER (WHERE NOT is_opener), 0) AS request_arrived,
        coalesce(sum(rejected_in) FILTER (WHERE NOT is_opener), 0) AS request_refused,
        coalesce(sum(rejected_out) FILTER (WHERE NOT is_opener), 0) AS reply_held,
        coalesce(sum(rejected_in) FILTER (WHERE is_opener), 0) AS reply_refused,
        CAST(sum(rejected_out + rejected_in) AS BIGINT) AS refused,
        -- Counted on the initiator's interface; if that has no records, on the other one.
        CAST(coalesce(sum(records) FILTER (WHERE is_opener), sum(records)) AS BIGINT) AS flows,
        CAST(coalesce(
            sum(accepted_packets + rejected_packets) FILTER (WHERE is_opener),
            sum(accepted_packets + rejected_packets)
        ) AS BIGINT) AS packets,
        CAST(coalesce(
            sum(accepted_bytes_out + rejected_bytes_out) FILTER (WHERE is_opener),
            sum(accepted_bytes_in + rejected_bytes_in)
        ) AS BIGINT) AS bytes_out,
        CAST(coalesce(
            sum(accepted_bytes_in + rejected_bytes_in) FILTER (WHERE is_opener),
            sum(accepted_bytes_out + rejected_bytes_out)
        ) AS BIGINT) AS bytes_in,
        first_records(evidence_rejected) AS evidence
    FROM legs
    GROUP BY key_job, opener_addr, answerer_addr, CASE WHEN NOT is_ephemeral THEN answerer_port END, protocol
),
refused AS (
    -- The leg that was rejected. A request rejected on arrival is more specific than one rejected where it left.
    SELECT
        *,
        CASE
            WHEN request_refused > 0 AND (request_left > 0 OR request_held = 0) THEN 'request-in'
            WHEN request_held > 0 THEN 'request-out'
            WHEN reply_held > 0 THEN 'reply-out'
            ELSE 'reply-in'
        END AS leg
    FROM keyed
),
evaluated AS (
    -- Evaluated with the groups and ACLs of that time. NULL: they allow the packet.
    SELECT
        *,
        leg IN ('reply-out', 'reply-in') AS is_reply,
        why_refused(
            opener_interface, answerer_interface, opener_addr, answerer_addr,
            CASE WHEN opener_port >= 0 THEN opener_port END, CASE WHEN answerer_port >= 0 THEN answerer_port END,
            protocol, leg, first_seen
        ) AS why,
        CASE
            WHEN is_ephemeral AND leg IN ('request-in', 'request-out') THEN fix_refused_ports(
                opener_interface, answerer_interface, opener_addr, answerer_addr,
                CASE WHEN opener_port >= 0 THEN opener_port END, last_port,
                protocol, leg, first_seen
            )
            ELSE fix_refused(
                opener_interface, answerer_interface, opener_addr, answerer_addr,
                CASE WHEN opener_port >= 0 THEN opener_port END, CASE WHEN answerer_port >= 0 THEN answerer_port END,
                protocol, leg, first_seen
            )
        END AS fix
    FROM refused
)
SELECT
    CASE WHEN is_vague THEN 'low' END AS severity,
    CASE
        WHEN is_vague THEN 'weak'
        WHEN attribution NOT IN ('declared', 'exact') THEN 'inferred'
        WHEN reject_reason IS NOT NULL THEN 'proven'
        WHEN leg = 'request-in' AND request_left = 0 THEN 'inferred'
        WHEN is_reply AND (request_left = 0 OR request_arrived = 0) THEN 'inferred'
        ELSE 'strong'
    END AS confidence,
    concat(
        opener_addr, ' to ', answerer_addr,
        CASE
            WHEN cardinality(ports) > 1 THEN concat(
                ' on ', cardinality(ports), ' ephemeral ports: ', array_to_string(array_slice(ports, 1, 10), ', '),
                CASE WHEN cardinality(ports) > 10 THEN concat(' and ', cardinality(ports) - 10, ' more') END
            )
            WHEN answerer_port > 0 THEN concat(' port ', answerer_port)
        END,
        ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), '), two instances of one job: ',
        CASE leg
            WHEN 'request-in' THEN CASE
                WHEN request_left > 0 THEN 'it left the sender and was refused at the receiver'
                ELSE 'it was refused at the receiver'
            END
            WHEN 'request-out' THEN CASE
                WHEN request_arrived + request_refused > 0 THEN 'it was refused at the sender'
                ELSE 'it was refused at the sender and never reached the receiver'
            END
            WHEN 'reply-out' THEN 'the request was accepted, the reply was refused where it left'
            ELSE 'the request was accepted, the reply was refused where it arrived'
        END,
        ', in ', refused, CASE WHEN refused = 1 THEN ' record' ELSE ' records' END,
        CASE
            WHEN reject_reason = 'BPA' THEN '; VPC Block Public Access refused it'
            WHEN reject_reason = 'EC' THEN '; VPC encryption controls refused it'
        END,
        CASE WHEN is_vague THEN '; the connection had worked before, and without tcp_flags these may be late packets of it' END,
        CASE WHEN attribution = 'shared' THEN concat('; the interface may serve any of ', job_candidates) END
    ) AS reason,
    first_seen,
    last_seen,
    account_id,
    region,
    vpc_id,
    opener_subnet AS subnet_id,
    opener_interface AS interface_id,
    job_name,
    job_arn,
    job_candidates,
    attribution,
    opener_addr AS local_addr,
    answerer_addr AS remote_addr,
    CASE WHEN key_port >= 0 THEN key_port END AS remote_port,
    protocol,
    answerer_interface AS remote_interface_id,
    'same-job' AS remote_scope,
    flows,
    packets,
    bytes_out,
    bytes_in,
    CASE
        WHEN reject_reason IS NOT NULL THEN reject_reason
        WHEN why IS NOT NULL AND cardinality(ports) > 1
            THEN concat(why, ', and so on the other ', cardinality(ports) - 1, ' ports')
        WHEN why IS NOT NULL THEN why
        WHEN is_vague THEN 'late packets after close'
        ELSE 'a rule that the inventory does not show: its groups and ACLs let it through'
    END AS cause,
    CASE
        WHEN reject_reason = 'BPA' THEN concat(
            'exclude the subnet from VPC Block Public Access: aws ec2 create-vpc-block-public-access-exclusion --subnet-id ',
            coalesce(opener_subnet, '<subnet>'), ' --internet-gateway-exclusion-mode allow-bidirectional',
            CASE WHEN region IS NOT NULL THEN concat(' --region ', region) END
        )
        WHEN reject_reason = 'EC' THEN 'use instance types that encrypt in transit, or exclude the path from VPC encryption controls'
        WHEN why IS NOT NULL THEN fix
        WHEN is_vague THEN 'nothing, if the job works; a flow log with tcp-flags separates late packets from refused connections'
        ELSE 'compare the rules as they were then, in CloudTrail or AWS Config: those of the inventory let it through'
    END AS remediation,
    evidence
FROM evaluated
