-- The records of each conversation aggregated: the numbers of the view conversations.
--
-- Values that many conversations share (interface, job, remote …) are one number, about, and interned(about, n) is the
-- n-th of them, as listed below. This makes groups small, and what is stored on disk as well.
--
-- conversation() counts and adds up each direction separately, relative to the interface:
--   first_out, first_in, local_syn, remote_syn: the first start of what was sent, of what was received, of what either
--     side began with a SYN; first_seen and last_seen: of all records.
--   accepted_out, accepted_in, rejected_out, rejected_in: records; with _packets, _bytes_out and _bytes_in: what
--     they carried; accepted_first and _last, rejected_first and _last: when. NULL without such a record.
--   rejected_syn: rejected records with a SYN; rejected_flagless: rejected records of TCP with no flag set.
--   closed_at: the first end of an accepted record with FIN or RST; longest_secs: the longest record.
--   flagged_records: records of TCP with flags; accepted_out_first, accepted_in_first: when what was sent,
--     and what was received, was first accepted.
--
-- Records of the margin before the window are context: first_out, first_in, local_syn, remote_syn, closed_at,
-- flagged_records, accepted_out_first and accepted_in_first include them, all else is of the window only. A
-- conversation of the margin alone has no records.
SELECT * EXCEPT (sums),
    sums['first_out'] AS first_out,
    sums['first_in'] AS first_in,
    sums['local_syn'] AS local_syn,
    sums['remote_syn'] AS remote_syn,
    sums['first_seen'] AS first_seen,
    sums['last_seen'] AS last_seen,
    sums['records'] AS records,
    sums['accepted_out'] AS accepted_out,
    sums['accepted_in'] AS accepted_in,
    sums['rejected_out'] AS rejected_out,
    sums['rejected_in'] AS rejected_in,
    sums['accepted_packets'] AS accepted_packets,
    sums['accepted_bytes_out'] AS accepted_bytes_out,
    sums['accepted_bytes_in'] AS accepted_bytes_in,
    sums['rejected_packets'] AS rejected_packets,
    sums['rejected_bytes_out'] AS rejected_bytes_out,
    sums['rejected_bytes_in'] AS rejected_bytes_in,
    sums['accepted_first'] AS accepted_first,
    sums['accepted_last'] AS accepted_last,
    sums['rejected_first'] AS rejected_first,
    sums['rejected_last'] AS rejected_last,
    sums['rejected_syn'] AS rejected_syn,
    sums['rejected_flagless'] AS rejected_flagless,
    sums['closed_at'] AS closed_at,
    sums['longest_secs'] AS longest_secs,
    sums['flagged_records'] AS flagged_records,
    sums['accepted_out_first'] AS accepted_out_first,
    sums['accepted_in_first'] AS accepted_in_first
FROM (
    SELECT
        about, local_port, remote_addr, remote_port, protocol,
        conversation(action, direction, syn_by, protocol, tcp_flags, start, "end", packets, bytes) AS sums,
        -- The best tier wins; among equals the greatest name, so that the result does not depend on order.
        max(CASE WHEN window_since() IS NULL OR "end" IS NULL OR "end" >= window_since() THEN CASE s3_evidence
            WHEN 'proven' THEN '4' WHEN 'strong' THEN '3' WHEN 'inferred' THEN '2' WHEN 'unknown' THEN '1'
        END || s3_path END) AS s3_best,
        min(CASE WHEN direction = 'egress' AND (window_since() IS NULL OR "end" IS NULL OR "end" >= window_since())
            THEN traffic_path END) AS traffic_path,
        max(CASE WHEN window_since() IS NULL OR "end" IS NULL OR "end" >= window_since() THEN reject_reason END)
            AS reject_reason,
        -- When it was active, as far as it sent: regular intervals are found in these.
        first_starts(CASE WHEN direction = 'egress' AND (window_since() IS NULL OR "end" IS NULL OR "end" >= window_since())
            THEN start END) AS starts,
        first_records(start, object, line) FILTER (
            WHERE action = 'ACCEPT' AND (window_since() IS NULL OR "end" IS NULL OR "end" >= window_since())
        ) AS evidence_accepted,
        first_records(start, object, line) FILTER (
            WHERE action = 'REJECT' AND (window_since() IS NULL OR "end" IS NULL OR "end" >= window_since())
        ) AS evidence_rejected
    FROM (
        SELECT
            *,
            intern(
                interface_id,
                local_account_id,
                local_region,
                local_vpc_id,
                local_subnet_id,
                job_name,
                job_arn,
                job_candidates,
                attribution,
                eni_role,
                CAST(network_isolation AS VARCHAR),
                eni_belongs_to,
                local_addr,
                remote_interface_id,
                remote_job_name,
                remote_scope,
                log_status
            ) AS about
        FROM flow_context_margin
        WHERE attribution IS NOT NULL
            OR (eni_belongs_to IN ('nat_gateway', 'regional_nat_gateway') AND remote_scope = 'other-job')
            -- What a service rejected from a job: the same list as in src/enrich.
            OR (
                eni_belongs_to IN (
                    'vpc_endpoint', 'efs', 'load_balancer', 'rds', 'elasticache', 'redshift', 'directory'
                )
                AND action = 'REJECT'
                AND remote_scope = 'other-job'
            )
    )
    GROUP BY about, local_port, remote_addr, remote_port, protocol
)
