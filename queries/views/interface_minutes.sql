-- The minutes of each interface of a job: one row for each interface, job and minute with a record.
-- A record covers all minutes from its start to its end; it is counted where it starts.
--
-- `state` is the worst of the minute: skipdata before records before nodata. `minute` is NULL for records
-- without a time: their minutes are unknown.
-- flowq counts this while reading for `flowq detect`, and then this SQL is not run; a test compares the rows of both.
SELECT
    interface_id, job_name, job_arn, job_candidates, attribution,
    arrow_cast(minute * 60, 'Timestamp(Second, Some("UTC"))') AS minute,
    CASE
        WHEN minute IS NULL THEN NULL
        WHEN bool_or(status = 'SKIPDATA') THEN 'skipdata'
        WHEN bool_or(status NOT IN ('SKIPDATA', 'NODATA')) THEN 'records'
        ELSE 'nodata'
    END AS state,
    CAST(sum(CASE WHEN is_start AND status NOT IN ('SKIPDATA', 'NODATA') THEN 1 ELSE 0 END) AS BIGINT) AS records,
    CAST(sum(CASE WHEN is_start AND status = 'NODATA' THEN 1 ELSE 0 END) AS BIGINT) AS nodata,
    CAST(sum(CASE WHEN is_start AND status = 'SKIPDATA' THEN 1 ELSE 0 END) AS BIGINT) AS skipdata,
    CAST(coalesce(max(CASE WHEN last - first > 65535 THEN 65535 ELSE last - first END), 0) AS BIGINT) AS longest_secs
FROM (
    SELECT *, minute IS NULL OR minute = first_minute AS is_start
    FROM (
        SELECT
            *,
            -- AWS aggregates over ten minutes at most, and its times are up to a minute off: no record covers more.
            unnest(CASE
                WHEN first IS NULL THEN make_array(CAST(NULL AS BIGINT))
                ELSE generate_series(first_minute, first_minute + least(last_minute - first_minute, 15))
            END) AS minute
        FROM (
            SELECT
                *,
                CAST(floor(first / 60.0) AS BIGINT) AS first_minute,
                -- The end of an interval is the beginning of the next one.
                CAST(floor(greatest(last - 1, first) / 60.0) AS BIGINT) AS last_minute
            FROM (
                SELECT
                    interface_id, job_name, job_arn, job_candidates, attribution,
                    coalesce(log_status, 'OK') AS status,
                    CAST(coalesce(start, "end") AS BIGINT) AS first,
                    greatest(CAST(coalesce("end", start) AS BIGINT), CAST(coalesce(start, "end") AS BIGINT)) AS last
                FROM flow_context
                WHERE attribution IS NOT NULL AND interface_id IS NOT NULL
            )
        )
    )
)
GROUP BY interface_id, job_name, job_arn, job_candidates, attribution, minute
