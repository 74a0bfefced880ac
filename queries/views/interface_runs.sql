-- The life of each interface of a job as runs of minutes: what was logged, what was lost, and where nothing was logged.
--
-- `state`: records, nodata and skipdata as in interface_minutes; `quiet`: no record, but those on both sides are so near
-- that none need be missing; `gap`: no record for longer than two aggregation intervals and the minute that AWS's times
-- may be off, in which at least one record was due; `unknown`: its records have no time, or were too many to keep.
-- An interface's life is looked at while its job ran, from the first minute that any record of a job tells of to the
-- last: what comes after it may not be delivered yet. One that the inventory does not know lived from its first to
-- its last record. An interface of several candidates lived as long as it was there.
WITH told AS (
    SELECT
        interface_id,
        coalesce(job_name, job_candidates) AS job,
        max(job_name) AS job_name,
        max(job_arn) AS job_arn,
        max(job_candidates) AS job_candidates,
        max(attribution) AS attribution,
        bool_or(minute IS NULL) AS is_unknown,
        min(CAST(minute AS BIGINT) / 60) AS first_minute,
        max(CAST(minute AS BIGINT) / 60) AS last_minute,
        max(longest_secs) AS longest_secs
    FROM interface_minutes
    GROUP BY interface_id, coalesce(job_name, job_candidates)
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
    FROM told AS t
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
-- How far records of the job, and of all jobs, reach.
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
        -- The first minute that is no more part of it.
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
-- The begin and the end of a life stand beside its minutes, so that what lies between any two is told by one rule.
logged AS (
    SELECT
        interface_id,
        coalesce(job_name, job_candidates) AS job,
        CAST(minute AS BIGINT) / 60 AS minute,
        state, records, nodata, skipdata
    FROM interface_minutes
    WHERE minute IS NOT NULL
    UNION ALL
    SELECT interface_id, job, unnest(make_array(edge_first, edge_end)), NULL, 0, 0, 0
    FROM (
        SELECT
            interface_id,
            job,
            CASE WHEN first_minute IS NULL OR life_first < first_minute THEN life_first - 1 END AS edge_first,
            CASE WHEN last_minute IS NULL OR life_end > last_minute + 1 THEN life_end END AS edge_end
        FROM lives
        -- Where no record of any job was read, nothing tells which time was.
        WHERE life_first < life_end AND (all_first IS NOT NULL OR is_unknown)
    )
),
runs AS (
    SELECT
        interface_id, job, state,
        min(minute) AS first_minute,
        max(minute) + 1 AS end_minute,
        sum(records) AS records, sum(nodata) AS nodata, sum(skipdata) AS skipdata,
        max(next_minute) AS next_minute
    FROM (
        SELECT
            *,
            minute - row_number() OVER (PARTITION BY interface_id, job, state ORDER BY minute) AS island,
            lead(minute) OVER (PARTITION BY interface_id, job ORDER BY minute) AS next_minute
        FROM logged
        WHERE minute IS NOT NULL
    )
    GROUP BY interface_id, job, state, island
),
spans AS (
    -- A run itself, and what follows it until the next one.
    SELECT
        interface_id,
        job,
        CASE WHEN is_after THEN NULL ELSE state END AS state,
        CASE WHEN is_after THEN end_minute ELSE first_minute END AS first_minute,
        CASE WHEN is_after THEN next_minute ELSE end_minute END AS end_minute,
        CASE WHEN is_after THEN 0 ELSE records END AS records,
        CASE WHEN is_after THEN 0 ELSE nodata END AS nodata,
        CASE WHEN is_after THEN 0 ELSE skipdata END AS skipdata,
        is_after OR state IS NOT NULL AS is_span
    FROM (SELECT *, unnest(make_array(false, true)) AS is_after FROM runs)
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
    -- From when until when any record of the job tells of anything.
    arrow_cast(l.job_first * 60, 'Timestamp(Second, Some("UTC"))') AS job_first_seen,
    arrow_cast((l.job_last + 1) * 60, 'Timestamp(Second, Some("UTC"))') AS job_last_seen
FROM spans AS r
JOIN lives AS l ON l.interface_id = r.interface_id AND l.job = r.job
WHERE r.is_span AND r.first_minute < r.end_minute
