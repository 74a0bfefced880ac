-- title       = "A processing job could not reach a service in its network"
-- severity    = "medium"
-- mitre       = []
-- description = """
-- Traffic that a job opened to S3, to another public AWS address, to an interface endpoint, a file system or another
-- private address of its VPC or of a peer VPC, and that was refused at either end, or whose answers were refused on
-- the way in, or that no answer came: TCP with SYN only, in more than one aggregation interval or more than one
-- attempt. It is high where no other traffic of the job got through. The cause follows from the security groups, network
-- ACLs and routes of the inventory. Traffic between the instances of one job belongs to blocked-inter-container,
-- between jobs to cross-job-traffic; refused traffic to the internet or to private networks outside belongs to
-- attempted-egress.
-- """
-- remediation = "open the security groups, network ACLs and routes on the way to the service, and on the way back"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "bytes", "packets", "reject_reason"]
-- proven      = ["reject_reason"]
-- [params]
-- # Requests without an answer are reported from this number of records on: a record is one attempt in one interval.
-- min_unanswered = 2
-- # A job that fails to reach at least this many addresses and ports of its network gets one finding for all of them;
-- # with this many ports of one address, or addresses with one port, within scan_secs it is left to port-scan.
-- many_destinations = 20
-- scan_secs = 600
WITH peered AS (
    -- Private addresses that a route of the VPC leads to by a peering connection.
    SELECT DISTINCT p.vpc_id, p.remote_addr
    FROM peers AS p
    JOIN routes AS r ON r.vpc_id = p.vpc_id
    WHERE p.remote_scope = 'private'
        AND p.attribution IS NOT NULL
        AND r.target LIKE 'pcx-%'
        AND in_cidr(p.remote_addr, r.destination)
),
far_end AS (
    -- What the interface of the service rejected.
    SELECT
        interface_id,
        remote_addr AS client_addr,
        coalesce(local_port, -1) AS service_port,
        protocol,
        sum(rejected_in) AS requests_refused,
        sum(rejected_out) AS replies_refused,
        first_records(evidence_rejected) AS evidence
    FROM peers
    WHERE attribution IS NULL
        AND eni_belongs_to NOT IN ('nat_gateway', 'regional_nat_gateway')
        AND rejected_in + rejected_out > 0
    GROUP BY interface_id, remote_addr, coalesce(local_port, -1), protocol
),
answered AS (
    -- When each destination last answered.
    SELECT
        interface_id,
        remote_addr,
        coalesce(remote_port, -1) AS remote_port,
        protocol,
        max(accepted_last) AS last_answered
    FROM peers
    WHERE attribution IS NOT NULL AND accepted_in > 0
    GROUP BY interface_id, remote_addr, coalesce(remote_port, -1), protocol
),
active AS (
    -- Jobs with accepted traffic, in both directions if it is TCP.
    SELECT DISTINCT coalesce(job_arn, job_name, interface_id) AS job
    FROM peers
    WHERE attribution IS NOT NULL
        AND accepted_out > 0
        AND (accepted_in > 0 OR (protocol IS DISTINCT FROM 6))
),
failed AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job,
        f.evidence AS far_evidence,
        CASE
            WHEN c.rejected_out > 0 AND (c.accepted_out = 0 OR c.rejected_syn > 0) THEN 1
            WHEN c.accepted_in > 0 THEN NULL
            WHEN f.requests_refused > 0 AND c.accepted_out > 0 THEN 2
            WHEN f.replies_refused > 0 AND c.accepted_out > 0 THEN 3
            WHEN c.accepted_out > 0 AND c.rejected_in > 0 THEN 4
            -- A packet that only opens a connection carries no data.
            WHEN c.protocol = 6
                AND c.accepted_out > 0
                AND c.rejected_out = 0
                AND coalesce(c.accepted_bytes_out <= 100 * c.accepted_packets, true)
                AND (a.last_answered IS NULL OR c.accepted_first > a.last_answered) THEN 5
        END AS leg
    FROM conversations AS c
    LEFT JOIN peered AS p ON p.vpc_id = c.vpc_id AND p.remote_addr = c.remote_addr
    LEFT JOIN far_end AS f
        ON f.interface_id = c.remote_interface_id
        AND f.client_addr = c.local_addr
        AND f.service_port = coalesce(c.remote_port, -1)
        AND f.protocol = c.protocol
    LEFT JOIN answered AS a
        ON a.interface_id = c.interface_id
        AND a.remote_addr = c.remote_addr
        AND a.remote_port = coalesce(c.remote_port, -1)
        AND a.protocol = c.protocol
    WHERE c.attribution IS NOT NULL
        AND c.remote_addr IS NOT NULL
        AND (c.opened_by IS DISTINCT FROM 'remote')
        AND (c.remote_scope IN ('s3', 'aws', 'endpoint', 'vpc') OR p.remote_addr IS NOT NULL)
        -- An ICMP error of a router or a host was not opened by the job.
        AND coalesce(c.protocol, -1) NOT IN (1, 58)
        -- The container of an isolated job has its own detection, which excludes S3.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform' OR c.remote_scope = 's3')
        AND c.rejected_out + c.rejected_in + c.accepted_out > 0
        AND (c.accepted_in = 0 OR c.rejected_out > 0)
),
destinations AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
        min(leg) AS leg,
        max(remote_scope) AS remote_scope,
        bool_or(coalesce(s3_path = 'cross-region', false)) AS is_foreign,
        min(coalesce(rejected_first, accepted_first)) AS first_seen,
        max(coalesce(rejected_last, accepted_last)) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(subnet_id) AS subnet_id,
        min(interface_id) AS interface_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        min(remote_interface_id) AS remote_interface_id,
        min(reject_reason) AS reject_reason,
        bool_or(coalesce(opened_by = 'local', false)) AS opened,
        bool_and(coalesce(
            leg = 1 AND protocol = 6 AND rejected_syn = 0 AND rejected_flagless = rejected_out + rejected_in,
            false
        )) AS is_late,
        sum(accepted_out) AS requests,
        count(*) AS attempts,
        sum(records) AS records,
        sum(accepted_packets + rejected_packets) AS packets,
        sum(accepted_bytes_out + rejected_bytes_out) AS bytes_out,
        sum(accepted_bytes_in + rejected_bytes_in) AS bytes_in,
        first_records(CASE WHEN leg IN (1, 4) THEN evidence_rejected ELSE evidence_accepted END) AS evidence,
        first_records(far_evidence) AS far_evidence
    FROM failed
    WHERE leg IS NOT NULL
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
),
counted AS (
    SELECT job, count(DISTINCT concat(remote_addr, ' ', coalesce(remote_port, -1))) AS destinations
    FROM destinations
    WHERE remote_scope <> 's3'
    GROUP BY job
),
vertical AS (
    SELECT job, local_addr, remote_addr, protocol
    FROM destinations
    WHERE remote_scope <> 's3' AND protocol IN (6, 17) AND remote_port > 0 AND remote_port <> 53
    GROUP BY job, local_addr, remote_addr, protocol
    HAVING most_within(array_agg(CAST(first_seen AS BIGINT)), $scan_secs) >= $many_destinations
),
horizontal AS (
    SELECT job, local_addr, remote_port, protocol
    FROM destinations
    WHERE remote_scope <> 's3' AND protocol IN (6, 17) AND remote_port > 0 AND remote_port <> 53
    GROUP BY job, local_addr, remote_port, protocol
    HAVING most_within(array_agg(CAST(first_seen AS BIGINT)), $scan_secs) >= $many_destinations
),
placed AS (
    -- S3 has many addresses for one service; a job that tries many addresses of a network has one cause.
    SELECT
        d.*,
        coalesce(c.destinations >= $many_destinations, false) AND d.remote_scope <> 's3' AS is_many,
        CASE
            WHEN d.remote_scope = 's3' THEN CASE WHEN d.is_foreign THEN 's3 elsewhere' ELSE 's3' END
            WHEN c.destinations >= $many_destinations THEN 'many'
            ELSE d.remote_addr
        END AS destination
    FROM destinations AS d
    LEFT JOIN counted AS c ON c.job = d.job
    LEFT JOIN vertical AS v
        ON v.job = d.job
        AND v.local_addr = d.local_addr
        AND v.remote_addr = d.remote_addr
        AND v.protocol = d.protocol
    LEFT JOIN horizontal AS h
        ON h.job = d.job
        AND h.local_addr = d.local_addr
        AND h.remote_port = d.remote_port
        AND h.protocol = d.protocol
    WHERE (v.job IS NULL AND h.job IS NULL)
        OR d.remote_scope = 's3'
        OR NOT d.opened
        OR allowed_by(d.job_name, d.remote_addr, d.remote_scope, d.remote_port, d.protocol) IS NOT NULL
),
by_subnet AS (
    SELECT
        job,
        destination,
        CASE WHEN NOT is_many THEN remote_port END AS remote_port,
        protocol,
        min(leg) AS leg,
        is_many,
        subnet_id,
        first_value(local_addr ORDER BY first_seen, local_addr, remote_addr, remote_port) AS local_addr,
        first_value(remote_addr ORDER BY first_seen, local_addr, remote_addr, remote_port) AS remote_addr,
        first_value(remote_port ORDER BY first_seen, local_addr, remote_addr, remote_port) AS first_port,
        first_value(interface_id ORDER BY first_seen, local_addr, remote_addr, remote_port) AS interface_id,
        first_value(remote_interface_id ORDER BY first_seen, local_addr, remote_addr, remote_port) AS remote_interface_id,
        first_value(remote_scope ORDER BY first_seen, local_addr, remote_addr, remote_port) AS remote_scope,
        bool_or(is_foreign) AS is_foreign,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        min(reject_reason) AS reject_reason,
        bool_or(opened) AS opened,
        bool_and(is_late) AS is_late,
        count(DISTINCT local_addr) AS interfaces,
        count(DISTINCT concat(remote_addr, ' ', CASE WHEN is_many THEN coalesce(remote_port, -1) END)) AS places,
        sum(requests) AS requests,
        sum(attempts) AS attempts,
        sum(records) AS records,
        sum(packets) AS packets,
        sum(bytes_out) AS bytes_out,
        sum(bytes_in) AS bytes_in,
        first_records(evidence) AS evidence,
        first_records(far_evidence) AS far_evidence
    FROM placed
    GROUP BY
        job, destination, CASE WHEN NOT is_many THEN remote_port END, protocol, is_many, subnet_id,
        CASE WHEN NOT is_many THEN leg END
),
named AS (
    SELECT
        *,
        CASE leg
            WHEN 1 THEN 'request-out'
            WHEN 2 THEN 'request-in'
            WHEN 3 THEN 'reply-out'
            WHEN 4 THEN 'reply-in'
            ELSE 'unanswered'
        END AS leg_name
    FROM by_subnet
),
explained AS (
    -- Evaluated with the groups, ACLs and routes of that time. NULL: they allow the packet.
    SELECT
        *,
        why_refused(
            interface_id, remote_interface_id, local_addr, remote_addr, NULL, first_port, protocol, leg_name, first_seen
        ) AS why,
        fix_refused(
            interface_id, remote_interface_id, local_addr, remote_addr, NULL, first_port, protocol, leg_name, first_seen
        ) AS fix
    FROM named
),
keyed AS (
    -- Subnets with the same fix are one finding.
    SELECT
        job,
        destination,
        remote_port,
        protocol,
        leg_name,
        is_many,
        first_value(local_addr ORDER BY first_seen, local_addr, remote_addr) AS local_addr,
        first_value(remote_addr ORDER BY first_seen, local_addr, remote_addr) AS remote_addr,
        first_value(interface_id ORDER BY first_seen, local_addr, remote_addr) AS interface_id,
        first_value(remote_interface_id ORDER BY first_seen, local_addr, remote_addr) AS remote_interface_id,
        first_value(remote_scope ORDER BY first_seen, local_addr, remote_addr) AS remote_scope,
        first_value(subnet_id ORDER BY first_seen, local_addr, remote_addr) AS subnet_id,
        first_value(why ORDER BY first_seen, local_addr, remote_addr) AS why,
        first_value(fix ORDER BY first_seen, local_addr, remote_addr) AS fix,
        bool_or(is_foreign) AS is_foreign,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        min(reject_reason) AS reject_reason,
        bool_or(opened) AS opened,
        bool_and(is_late) AS is_late,
        CAST(sum(interfaces) AS BIGINT) AS interfaces,
        CAST(max(places) AS BIGINT) AS places,
        CAST(sum(requests) AS BIGINT) AS requests,
        CAST(sum(attempts) AS BIGINT) AS attempts,
        CAST(sum(records) AS BIGINT) AS flows,
        CAST(sum(packets) AS BIGINT) AS packets,
        CAST(sum(bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence) AS evidence,
        first_records(far_evidence) AS far_evidence
    FROM explained
    GROUP BY job, destination, remote_port, protocol, leg_name, is_many, coalesce(fix, why, subnet_id)
)
SELECT
    CASE
        WHEN k.is_late THEN 'low'
        WHEN a.job IS NULL THEN 'high'
    END AS severity,
    CASE
        WHEN NOT k.opened OR k.is_late THEN 'weak'
        WHEN k.attribution NOT IN ('declared', 'exact') THEN 'inferred'
        WHEN k.reject_reason IS NOT NULL THEN 'proven'
        WHEN k.leg_name = 'unanswered' AND k.fix IS NULL THEN 'inferred'
        ELSE 'strong'
    END AS confidence,
    concat(
        k.local_addr,
        CASE WHEN k.interfaces > 1 THEN concat(' and ', k.interfaces - 1, ' more of the job''s addresses') END,
        ' could not reach ',
        CASE
            WHEN k.remote_scope = 's3' AND k.is_foreign THEN 'S3 of another region at '
            WHEN k.remote_scope = 's3' THEN 'S3 at '
            WHEN k.remote_scope = 'aws' THEN 'the public AWS address '
            WHEN k.remote_scope = 'endpoint' THEN 'the interface endpoint '
            WHEN k.remote_scope = 'private' THEN 'the address of a peer VPC '
            ELSE 'the private address '
        END,
        k.remote_addr,
        CASE WHEN k.remote_port > 0 THEN concat(' port ', k.remote_port) END,
        ' (', coalesce(protocol_name(k.protocol), concat('protocol ', k.protocol)), ')',
        CASE
            WHEN k.places > 1 AND k.is_many
                THEN concat(' and ', k.places - 1, ' more pairs of address and port')
            WHEN k.places > 1 THEN concat(' and ', k.places - 1, ' more addresses of it')
        END,
        CASE k.leg_name
            WHEN 'request-out' THEN ': the request was refused where it left'
            WHEN 'request-in' THEN ': the request left and was refused where it arrived'
            WHEN 'reply-out' THEN ': the request arrived, the answer was refused where it left'
            WHEN 'reply-in' THEN ': the request left, the answer was refused on the way in'
            ELSE ': the request left, no answer came'
        END,
        '; ', k.attempts, CASE WHEN k.attempts = 1 THEN ' attempt' ELSE ' attempts' END,
        ' in ', k.flows, CASE WHEN k.flows = 1 THEN ' record' ELSE ' records' END,
        CASE WHEN k.bytes_out IS NOT NULL THEN concat(', ', k.bytes_out, ' bytes sent') END,
        CASE WHEN a.job IS NULL THEN '; no other traffic of the job got through' END,
        CASE
            WHEN k.reject_reason = 'BPA' THEN '; VPC Block Public Access refused it'
            WHEN k.reject_reason = 'EC' THEN '; VPC encryption controls refused it'
        END,
        CASE
            WHEN k.is_late THEN '; no refused packet opens a connection: late packets of one that began before these logs, or no regular TCP'
            WHEN NOT k.opened THEN '; the records do not show which side opened it'
        END,
        CASE k.attribution
            WHEN 'shared' THEN concat('; the interface may serve any of ', k.job_candidates)
            WHEN 'inferred' THEN '; the job is inferred: the interface may belong to another job or service'
        END
    ) AS reason,
    k.first_seen,
    k.last_seen,
    k.account_id,
    k.region,
    k.vpc_id,
    k.subnet_id,
    k.interface_id,
    k.job_name,
    k.job_arn,
    k.job_candidates,
    k.attribution,
    k.local_addr,
    k.remote_addr,
    k.remote_port,
    k.protocol,
    k.remote_interface_id,
    k.remote_scope,
    k.flows,
    k.packets,
    k.bytes_out,
    k.bytes_in,
    CASE
        WHEN k.reject_reason IS NOT NULL THEN k.reject_reason
        WHEN k.why IS NOT NULL THEN k.why
        WHEN k.leg_name = 'unanswered'
            THEN 'not the configuration in the inventory, which allows it: no process listens on the port, or the rules were different at that time'
        ELSE 'a rule that the inventory does not show: its groups and ACLs let it through'
    END AS cause,
    CASE
        WHEN k.reject_reason = 'BPA' THEN concat(
            'exclude the subnet from VPC Block Public Access: aws ec2 create-vpc-block-public-access-exclusion --subnet-id ',
            coalesce(k.subnet_id, '<subnet>'), ' --internet-gateway-exclusion-mode allow-bidirectional',
            CASE WHEN k.region IS NOT NULL THEN concat(' --region ', k.region) END
        )
        WHEN k.reject_reason = 'EC' THEN 'use instance types that encrypt in transit, or exclude the path from VPC encryption controls'
        WHEN k.fix IS NOT NULL THEN k.fix
        WHEN k.why IS NULL AND k.leg_name = 'unanswered'
            THEN 'look whether the service runs and listens there; compare the rules as they were then, in CloudTrail or AWS Config'
        WHEN k.why IS NULL THEN 'compare the rules as they were then, in CloudTrail or AWS Config: those of the inventory let it through'
    END AS remediation,
    CASE WHEN k.far_evidence IS NULL THEN k.evidence ELSE array_concat(k.evidence, k.far_evidence) END AS evidence
FROM keyed AS k
LEFT JOIN active AS a ON a.job = k.job
WHERE k.leg_name <> 'unanswered' OR k.requests >= $min_unanswered
