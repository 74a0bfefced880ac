-- Adjacent minutes of each interface of a job with the same state, as one row.
--
-- `state` is that of interface_minutes; of several rows of one minute the worst. `next_minute` is the first minute of
-- the next run of the same interface and job. Minutes are counted since 1970; they and `state` are NULL for records
-- without a time. flowq makes this from what it counts while reading for `flowq detect`, and then this SQL is not run;
-- a test compares the rows of both.
SELECT
    *,
    lead(first_minute) OVER (PARTITION BY interface_id, job ORDER BY first_minute NULLS FIRST) AS next_minute
FROM (
    SELECT
        interface_id,
        job,
        max(job_name) AS job_name,
        max(job_arn) AS job_arn,
        max(job_candidates) AS job_candidates,
        max(attribution) AS attribution,
        state,
        min(minute) AS first_minute,
        max(minute) + 1 AS end_minute,
        CAST(sum(records) AS BIGINT) AS records,
        CAST(sum(nodata) AS BIGINT) AS nodata,
        CAST(sum(skipdata) AS BIGINT) AS skipdata,
        max(longest_secs) AS longest_secs
    FROM (
        SELECT
            *,
            minute - row_number() OVER (PARTITION BY interface_id, job, state ORDER BY minute) AS island
        FROM (
            SELECT
                interface_id,
                coalesce(job_name, job_candidates) AS job,
                CAST(minute AS BIGINT) / 60 AS minute,
                max(job_name) AS job_name,
                max(job_arn) AS job_arn,
                max(job_candidates) AS job_candidates,
                max(attribution) AS attribution,
                -- The names sort by severity: nodata, records, skipdata.
                max(state) AS state,
                sum(records) AS records,
                sum(nodata) AS nodata,
                sum(skipdata) AS skipdata,
                max(longest_secs) AS longest_secs
            FROM interface_minutes
            GROUP BY interface_id, coalesce(job_name, job_candidates), minute
        )
    )
    GROUP BY interface_id, job, state, island
)
