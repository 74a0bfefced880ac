-- The lifetime of each interface of a job as runs of minutes: what was logged, what was lost, and where nothing was logged.
--
-- `state`: records, nodata and skipdata as in interface_minutes; `quiet`: no record, but those on both sides are so near
-- that none need be missing; `gap`: no record for longer than two aggregation intervals and the minute that AWS's times
-- may be off, in which at least one record was expected; `unknown`: its records have no time.
-- An interface is covered while its job ran, from the first minute of any record of a job to the
-- last: what comes after it may not be delivered yet. An interface that is not in the inventory existed from its first to
-- its last record. An interface of several candidates is covered for its whole lifetime.
WITH lifetimes AS (
    SELECT
        interface_id,
        job,
        max(job_name) AS job_name,
        max(job_arn) AS job_arn,
        max(job_candidates) AS job_candidates,
        max(attribution) AS attribution,
        bool_or(first_minute IS NULL) AS is_unknown,
        min(first_minute) AS first_minute,
        max(end_minute) - 1 AS last_minute,
        max(longest_secs) AS longest_secs
    FROM minute_runs
    GROUP BY interface_id, job
),
held AS (
    SELECT
        interface_id,
        coalesce(job_name, array_to_string(job_candidates, ',')) AS job,
        max(job_name) AS job_name,
        max(job_arn) AS job_arn,
        nullif(max(array_to_string(job_candidates, ',')), '') AS job_candidates,
        max(attribution) AS attribution,
        max(account_id) AS account_id,
        max(region) AS region,
        max(vpc_id) AS vpc_id,
        max(subnet_id) AS subnet_id,
        -- NULL on any row is an open end.
        CASE WHEN count(*) = count(valid_from) THEN min(CAST(valid_from AS BIGINT)) END AS valid_from,
        CASE WHEN count(*) = count(valid_to) THEN max(CAST(valid_to AS BIGINT)) END AS valid_to
    FROM enis
    WHERE attribution IS NOT NULL
    GROUP BY interface_id, coalesce(job_name, array_to_string(job_candidates, ','))
),
pairs AS (
    SELECT
        coalesce(t.interface_id, h.interface_id) AS interface_id,
        coalesce(t.job, h.job) AS job,
        coalesce(t.job_name, h.job_name) AS job_name,
        coalesce(t.job_arn, h.job_arn) AS job_arn,
        coalesce(t.job_candidates, h.job_candidates) AS job_candidates,
        coalesce(t.attribution, h.attribution) AS attribution,
        h.interface_id IS NOT NULL AS is_held,
        h.account_id, h.region, h.vpc_id, h.subnet_id, h.valid_from, h.valid_to,
        coalesce(t.is_unknown, false) AS is_unknown,
        t.first_minute, t.last_minute, t.longest_secs
    FROM lifetimes AS t
    FULL JOIN held AS h ON h.interface_id = t.interface_id AND h.job = t.job
),
job_times AS (
    SELECT
        job_name,
        min(CAST(created_at AS BIGINT)) AS created_at,
        CASE WHEN count(*) = count(ended_at) THEN max(CAST(ended_at AS BIGINT)) END AS ended_at
    FROM jobs
    GROUP BY job_name
),
configured AS (
    SELECT resource_id, max(max_aggregation_secs) AS secs FROM aws_flow_logs GROUP BY resource_id
),
-- The latest records of the job, and of all jobs.
reach AS (
    SELECT
        *,
        min(first_minute) OVER (PARTITION BY coalesce(job_arn, job)) AS job_first,
        max(last_minute) OVER (PARTITION BY coalesce(job_arn, job)) AS job_last,
        max(longest_secs) OVER (PARTITION BY coalesce(job_arn, job)) AS job_longest_secs,
        min(first_minute) OVER () AS all_first,
        max(last_minute) OVER () AS all_last
    FROM pairs
),
lives AS (
    SELECT
        r.*,
        coalesce(v.secs, s.secs, i.secs) IS NOT NULL AS is_configured,
        greatest(v.secs, s.secs, i.secs, CASE WHEN r.job_longest_secs > 90 THEN 600 ELSE 60 END) AS aggregation_secs,
        CASE
            WHEN NOT r.is_held OR r.valid_from IS NULL THEN r.first_minute
            ELSE greatest(r.valid_from / 60, coalesce(j.created_at, r.valid_from) / 60, r.all_first)
        END AS life_first,
        -- The first minute after it.
        CASE
            WHEN NOT r.is_held THEN r.last_minute + 1
            ELSE least((r.valid_to + 59) / 60, (j.ended_at + 59) / 60, r.all_last + 1)
        END AS life_end
    FROM reach AS r
    LEFT JOIN job_times AS j ON j.job_name = r.job_name
    LEFT JOIN configured AS v ON v.resource_id = r.vpc_id
    LEFT JOIN configured AS s ON s.resource_id = r.subnet_id
    LEFT JOIN configured AS i ON i.resource_id = r.interface_id
),
spans AS (
    SELECT interface_id, job, state, first_minute, end_minute, records, nodata, skipdata
    FROM minute_runs
    WHERE first_minute IS NOT NULL
    UNION ALL
    -- The minutes between a run and the next one, and between runs and the ends of the interface's lifetime.
    SELECT interface_id, job, NULL, end_minute, next_minute, 0, 0, 0
    FROM minute_runs
    WHERE next_minute > end_minute
    UNION ALL
    SELECT interface_id, job, NULL, life_first, coalesce(first_minute, life_end), 0, 0, 0
    FROM lives
    -- Without records of any job the time span is unknown.
    WHERE life_first < life_end AND (all_first IS NOT NULL OR is_unknown)
    UNION ALL
    SELECT interface_id, job, NULL, last_minute + 1, life_end, 0, 0, 0
    FROM lives
    WHERE life_first < life_end AND all_first IS NOT NULL
)
SELECT
    l.interface_id, l.account_id, l.region, l.vpc_id, l.subnet_id,
    l.job_name, l.job_arn, l.job_candidates, l.attribution,
    CASE
        WHEN r.state IS NOT NULL THEN r.state
        WHEN l.is_unknown THEN 'unknown'
        WHEN (r.end_minute - r.first_minute) * 60 > 2 * l.aggregation_secs + 60 THEN 'gap'
        ELSE 'quiet'
    END AS state,
    arrow_cast(r.first_minute * 60, 'Timestamp(Second, Some("UTC"))') AS first_seen,
    arrow_cast(r.end_minute * 60, 'Timestamp(Second, Some("UTC"))') AS last_seen,
    r.end_minute - r.first_minute AS minutes,
    CAST(r.records AS BIGINT) AS records,
    CAST(r.nodata AS BIGINT) AS nodata,
    CAST(r.skipdata AS BIGINT) AS skipdata,
    CAST(l.aggregation_secs AS BIGINT) AS aggregation_secs,
    CASE WHEN l.is_configured THEN 'flow log' ELSE 'records' END AS aggregation_from,
    -- The time span of the records of the job.
    arrow_cast(l.job_first * 60, 'Timestamp(Second, Some("UTC"))') AS job_first_seen,
    arrow_cast((l.job_last + 1) * 60, 'Timestamp(Second, Some("UTC"))') AS job_last_seen
-- Interfaces are few and come first: runs may be many.
FROM lives AS l
JOIN spans AS r ON l.interface_id = r.interface_id AND l.job = r.job
WHERE r.first_minute < r.end_minute
