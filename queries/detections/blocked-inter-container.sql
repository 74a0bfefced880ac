-- title       = "Traffic between the instances of one processing job was refused"
-- severity    = "medium"
-- mitre       = []
-- description = """
-- REJECT between two interfaces of the same job, or of the same candidates, whatever the protocol. The finding is
-- seen from the side that opened the connection; where nothing tells who did, from the sender of the refused packet.
-- Which side refused which packet tells the cause. Late packets of a connection that had been closed are not reported.
-- """
-- remediation = "let the job's security group accept traffic from itself, and the network ACLs of its subnets in both directions"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "reject_reason"]
-- proven      = ["reject_reason"]
WITH sides AS (
    -- Both interfaces log a conversation. `low` is one end of it, the same whichever interface is asked.
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
        -- Without flags nothing tells a late packet from a new attempt, once both directions had worked.
        protocol = 6
            AND bool_and(accepted_out > 0 AND accepted_in > 0)
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
        answerer_port,
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
        -- Counted on the opener's interface; where that logged nothing, on the other one.
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
    GROUP BY key_job, opener_addr, answerer_addr, answerer_port, protocol
),
refused AS (
    -- The leg that was refused. A request that left but was refused on arrival says more than one held back.
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
placed AS (
    -- Where that was, and whose packet it was: what a rule would have to let through.
    SELECT
        *,
        CASE WHEN leg IN ('request-in', 'reply-in') THEN 'ingress' ELSE 'egress' END AS direction,
        CASE WHEN leg IN ('request-in', 'reply-out') THEN answerer_interface ELSE opener_interface END AS at_interface,
        CASE WHEN leg IN ('request-in', 'reply-out') THEN opener_interface ELSE answerer_interface END AS peer_interface,
        CASE WHEN leg IN ('request-in', 'reply-out') THEN opener_addr ELSE answerer_addr END AS peer_addr,
        CASE WHEN leg IN ('request-in', 'request-out') THEN answerer_port ELSE opener_port END AS to_port,
        leg IN ('reply-out', 'reply-in') AS is_reply
    FROM refused
),
subnet_of AS (
    SELECT interface_id, min(subnet_id) AS subnet_id FROM enis GROUP BY interface_id
),
groups AS (
    SELECT DISTINCT interface_id, unnest(security_group_ids) AS security_group_id FROM enis
),
first_group AS (
    SELECT interface_id, min(security_group_id) AS security_group_id FROM groups GROUP BY interface_id
),
known_group AS (
    SELECT DISTINCT security_group_id FROM security_group_rules
),
questions AS (
    SELECT DISTINCT p.at_interface, p.peer_interface, p.peer_addr, p.direction, p.to_port, p.protocol, s.subnet_id
    FROM placed AS p
    LEFT JOIN subnet_of AS s ON s.interface_id = p.at_interface
),
group_says AS (
    -- One row for each question whose security groups the inventory knows: whether a rule lets it through.
    SELECT
        q.at_interface,
        q.peer_interface,
        q.peer_addr,
        q.direction,
        q.to_port,
        q.protocol,
        bool_or(coalesce(
            (
                r.protocol IN ('-1', 'all', CAST(q.protocol AS VARCHAR))
                OR lower(r.protocol) = CASE q.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' WHEN 58 THEN 'icmpv6' END
            )
            AND (
                q.protocol NOT IN (6, 17)
                OR coalesce(r.from_port, -1) = -1
                OR q.to_port BETWEEN r.from_port AND r.to_port
            )
            AND (
                p.security_group_id IS NOT NULL
                OR CASE WHEN r.peer LIKE '%/%' THEN in_cidr(q.peer_addr, r.peer) ELSE false END
            ),
            false
        )) AS allows
    FROM questions AS q
    JOIN groups AS g ON g.interface_id = q.at_interface
    JOIN known_group AS k ON k.security_group_id = g.security_group_id
    LEFT JOIN security_group_rules AS r
        ON r.security_group_id = g.security_group_id AND r.direction = q.direction
    LEFT JOIN groups AS p ON p.interface_id = q.peer_interface AND p.security_group_id = r.peer
    GROUP BY q.at_interface, q.peer_interface, q.peer_addr, q.direction, q.to_port, q.protocol
),
acl_says AS (
    -- One row for each question that an entry of the subnet's ACL answers: the entry with the lowest number decides.
    SELECT
        q.at_interface,
        q.peer_interface,
        q.peer_addr,
        q.direction,
        q.to_port,
        q.protocol,
        min(e.network_acl_id) AS network_acl_id,
        min(e.rule_number) AS rule_number,
        first_value(e.rule_action ORDER BY e.rule_number, e.rule_action) = 'allow' AS allows
    FROM questions AS q
    JOIN network_acl_entries AS e
        ON e.subnet_id = q.subnet_id
        AND e.direction = q.direction
    WHERE e.protocol IN ('-1', CAST(q.protocol AS VARCHAR))
        AND in_cidr(q.peer_addr, e.cidr)
        AND (
            q.protocol NOT IN (6, 17)
            OR coalesce(e.from_port, -1) = -1
            OR q.to_port BETWEEN e.from_port AND e.to_port
        )
    GROUP BY q.at_interface, q.peer_interface, q.peer_addr, q.direction, q.to_port, q.protocol
),
peer_cidr AS (
    SELECT subnet_id, unnest(cidrs) AS cidr FROM subnets
),
peer_net AS (
    SELECT q.peer_interface, q.peer_addr, min(c.cidr) AS cidr
    FROM (SELECT DISTINCT peer_interface, peer_addr FROM questions) AS q
    JOIN subnet_of AS s ON s.interface_id = q.peer_interface
    JOIN peer_cidr AS c ON c.subnet_id = s.subnet_id
    WHERE in_cidr(q.peer_addr, c.cidr)
    GROUP BY q.peer_interface, q.peer_addr
),
acl_number AS (
    SELECT DISTINCT network_acl_id, direction, rule_number FROM network_acl_entries
),
explained AS (
    SELECT
        p.*,
        g.allows AS group_allows,
        a.allows AS acl_allows,
        a.network_acl_id,
        -- An entry just before the one that decides, if that number is free.
        CASE
            WHEN a.rule_number > 1 AND taken.rule_number IS NULL THEN CAST(a.rule_number - 1 AS VARCHAR)
            ELSE '<free number>'
        END AS new_number,
        -- Both let it through: what the inventory holds is not what refused it.
        NOT p.is_reply AND coalesce(g.allows, false) AND coalesce(a.allows, false) AS is_open,
        -- Groups remember connections, so a refused reply is always the ACL's doing.
        p.is_reply OR coalesce(g.allows, false) OR (coalesce(NOT a.allows, false) AND g.allows IS NULL) AS is_acl,
        ag.security_group_id AS at_group,
        pg.security_group_id AS peer_group,
        coalesce(n.cidr, concat(p.peer_addr, CASE WHEN p.peer_addr LIKE '%:%' THEN '/128' ELSE '/32' END)) AS peer_cidr,
        CASE p.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' WHEN 58 THEN 'icmpv6' ELSE CAST(p.protocol AS VARCHAR) END AS protocol_word
    FROM placed AS p
    LEFT JOIN group_says AS g
        ON g.at_interface = p.at_interface
        AND g.peer_interface = p.peer_interface
        AND g.peer_addr = p.peer_addr
        AND g.direction = p.direction
        AND g.to_port = p.to_port
        AND g.protocol = p.protocol
    LEFT JOIN acl_says AS a
        ON a.at_interface = p.at_interface
        AND a.peer_interface = p.peer_interface
        AND a.peer_addr = p.peer_addr
        AND a.direction = p.direction
        AND a.to_port = p.to_port
        AND a.protocol = p.protocol
    LEFT JOIN acl_number AS taken
        ON taken.network_acl_id = a.network_acl_id
        AND taken.direction = p.direction
        AND taken.rule_number = a.rule_number - 1
    LEFT JOIN first_group AS ag ON ag.interface_id = p.at_interface
    LEFT JOIN first_group AS pg ON pg.interface_id = p.peer_interface
    LEFT JOIN peer_net AS n ON n.peer_interface = p.peer_interface AND n.peer_addr = p.peer_addr
),
told AS (
    SELECT
        *,
        CASE WHEN region IS NOT NULL THEN concat(' --region ', region) ELSE '' END AS in_region,
        CASE
            WHEN reject_reason IS NOT NULL THEN reject_reason
            WHEN is_reply THEN 'network ACL'
            WHEN is_open AND is_vague THEN 'late packets after close'
            WHEN is_open THEN 'a rule that the inventory does not show: its groups and ACLs let it through'
            WHEN leg = 'request-in' AND is_acl THEN 'receiver''s inbound network ACL'
            WHEN leg = 'request-in' AND group_allows IS NOT NULL THEN 'receiver''s security group'
            WHEN leg = 'request-in' THEN 'receiver''s security group (or inbound network ACL)'
            WHEN is_acl THEN 'sender''s outbound network ACL'
            WHEN group_allows IS NOT NULL THEN 'sender''s security group egress'
            ELSE 'sender''s security group egress (or outbound network ACL)'
        END AS cause
    FROM explained
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
        CASE WHEN answerer_port > 0 THEN concat(' port ', answerer_port) END,
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
    CASE WHEN answerer_port >= 0 THEN answerer_port END AS remote_port,
    protocol,
    answerer_interface AS remote_interface_id,
    'same-job' AS remote_scope,
    flows,
    packets,
    bytes_out,
    bytes_in,
    cause,
    CASE
        WHEN reject_reason = 'BPA' THEN concat(
            'exclude the subnet from VPC Block Public Access: aws ec2 create-vpc-block-public-access-exclusion --subnet-id ',
            coalesce(opener_subnet, '<subnet>'), ' --internet-gateway-exclusion-mode allow-bidirectional', in_region
        )
        WHEN reject_reason = 'EC' THEN 'use instance types that encrypt in transit, or exclude the path from VPC encryption controls'
        WHEN is_open AND is_vague THEN 'nothing, if the job works; a flow log with tcp-flags tells late packets from refused connections'
        WHEN is_open THEN 'compare the rules as they were then, in CloudTrail or AWS Config: those of the inventory let it through'
        WHEN is_acl THEN concat(
            'aws ec2 create-network-acl-entry --network-acl-id ', coalesce(network_acl_id, '<ACL of the subnet>'),
            ' --', direction, ' --rule-action allow --rule-number ', new_number,
            CASE WHEN peer_cidr LIKE '%:%' THEN ' --ipv6-cidr-block ' ELSE ' --cidr-block ' END, peer_cidr,
            ' --protocol ', protocol,
            CASE
                WHEN protocol IN (1, 58) THEN ' --icmp-type-code Code=-1,Type=-1'
                WHEN protocol NOT IN (6, 17) THEN ''
                WHEN is_reply THEN ' --port-range From=1024,To=65535'
                ELSE concat(' --port-range From=', to_port, ',To=', to_port)
            END,
            in_region
        )
        WHEN direction = 'ingress' AND protocol IN (6, 17) THEN concat(
            'aws ec2 authorize-security-group-ingress --group-id ', coalesce(at_group, '<group of the receiver>'),
            ' --protocol ', protocol_word, ' --port ', to_port,
            ' --source-group ', coalesce(peer_group, '<group of the sender>'),
            in_region
        )
        ELSE concat(
            'aws ec2 authorize-security-group-', direction, ' --group-id ', coalesce(at_group, '<group of the interface>'),
            ' --ip-permissions ''IpProtocol=', protocol_word,
            CASE
                WHEN protocol IN (6, 17) THEN concat(',FromPort=', to_port, ',ToPort=', to_port)
                WHEN protocol IN (1, 58) THEN ',FromPort=-1,ToPort=-1'
            END,
            ',UserIdGroupPairs=[{GroupId=', coalesce(peer_group, '<group of the peer>'), '}]''',
            in_region
        )
    END AS remediation,
    evidence
FROM told
