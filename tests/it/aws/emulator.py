"""AWS on 127.0.0.1 for the tests: moto's server, corrected where it differs from AWS and a test would notice.

Prints its port on one line, and ends when its standard input closes: nothing outlives the tests.

  GET /_test/calls?about=TEXT   the calls so far whose path or body names TEXT, oldest first
  POST /_test/tell?region=…&kind=…   a JSON array of what happened in a region; see `tell`

Each correction is a function of its own, named in CORRECTIONS. State is told apart by the names of buckets,
queues and groups, so that tests run side by side: there is no switch and no reset.
"""

import base64
import collections
import datetime
import functools
import io
import json
import sys
import threading
import time
import urllib.parse
import uuid

from moto.core.responses import ActionResult
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

CALLS_MAX = 200_000
BODY_MAX = 4096


def token(position):
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def position(text):
    return json.loads(base64.urlsafe_b64decode(text))


# ------------------------------------------------------------------------------------------------ EC2


def page_ec2():
    """EC2 pages its answers. moto never does. AWS may give fewer than MaxResults, and so does this."""
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.responses import EC2Response

    page_max = 20
    least = {"describe_flow_logs": 1, "describe_vpc_endpoints": 1, "describe_managed_prefix_lists": 1}

    def paged(call, name):
        @functools.wraps(call)
        def answer(self):
            result = call(self)
            if not isinstance(result, ActionResult) or not isinstance(result.result, dict):
                return result
            lists = [key for key, value in result.result.items() if isinstance(value, (list, tuple))]
            asked, after = self._get_int_param("MaxResults"), self._get_param("NextToken")
            if len(lists) != 1 or (asked is None and not after):
                return result
            low = least.get(name, 1 if name.startswith("get_") else 5)
            if asked is not None and not low <= asked <= 1000:
                raise EC2ClientError(
                    "InvalidParameterValue",
                    f"Value ( {asked} ) for parameter maxResults is invalid. "
                    f"Expecting a value between {low} and 1000.",
                )
            begin = position(after) if after else 0
            end = begin + min(asked or page_max, page_max)
            rows = list(result.result[lists[0]])
            page = {**result.result, lists[0]: rows[begin:end]}
            page.pop("NextToken", None)
            if end < len(rows):
                page["NextToken"] = token(end)
            return ActionResult(page)

        return answer

    for name in dir(EC2Response):
        if name.startswith("describe_") or name == "get_managed_prefix_list_entries":
            setattr(EC2Response, name, paged(getattr(EC2Response, name), name))


# ----------------------------------------------------------------------------------- CloudWatch Logs


def filter_log_events():
    """FilterLogEvents in the order of time, by stream prefix, 1 MB a page, and now and then an empty page."""
    from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
    from moto.logs.responses import LogsResponse
    from moto.logs.utils import EventMessageFilter

    page_bytes = 1_048_576

    def wrong(message):
        error = InvalidParameterException.__new__(InvalidParameterException)
        super(InvalidParameterException, error).__init__(message)
        return error

    def answer(self):
        ask = self._get_param
        name = ask("logGroupName") or (ask("logGroupIdentifier") or "").split(":log-group:")[-1]
        group = self.logs_backend.groups.get(name.removesuffix(":*"))
        if group is None:
            raise ResourceNotFoundException()
        names, prefix = ask("logStreamNames"), ask("logStreamNamePrefix")
        if names and prefix:
            raise wrong("logStreamNames and logStreamNamePrefix are mutually exclusive")
        limit = ask("limit") or 10_000
        if not 1 <= limit <= 10_000:
            raise wrong("limit must be between 1 and 10000")
        since, until = ask("startTime") or 0, ask("endTime")
        fits = EventMessageFilter(ask("filterPattern")).matches
        found = [
            (event.timestamp, event.ingestion_time, stream_name, event)
            for stream_name, stream in group.streams.items()
            if (not names or stream_name in names) and stream_name.startswith(prefix or "")
            for event in stream.events
            if event.timestamp >= since and (until is None or event.timestamp <= until)
        ]
        found.sort(key=lambda entry: entry[:3])
        at = position(ask("nextToken")) if ask("nextToken") else {"at": 0, "empty": True}
        if at["empty"] and found:
            # Every other page, the first one too, has nothing on it but the way on.
            return json.dumps({"events": [], "nextToken": token({**at, "empty": False})})
        page, size, end = [], 0, at["at"]
        while end < len(found) and len(page) < limit:
            _, _, stream_name, event = found[end]
            size += len(event.message.encode()) + 26
            if size > page_bytes and page:
                break
            end += 1
            if fits(event.message):
                page.append({**event.to_filter_dict(), "logStreamName": stream_name})
        answer = {"events": page, "searchedLogStreams": []}
        if end < len(found):
            answer["nextToken"] = token({"at": end, "empty": True})
        return json.dumps(answer)

    LogsResponse.filter_log_events = answer


def keep_old_log_events():
    """PutLogEvents takes only the last 14 days. The samples are older; AWS wrote such events at their time."""
    from moto.logs.exceptions import ResourceNotFoundException
    from moto.logs.models import LogsBackend

    def put(self, log_group_name, log_stream_name, log_events):
        if log_group_name not in self.groups:
            raise ResourceNotFoundException()
        return self.groups[log_group_name].put_log_events(log_stream_name, log_events), {}

    LogsBackend.put_log_events = put


def log_classes():
    """A log group has a class, and is as old as its oldest event; Infrequent Access has no FilterLogEvents."""
    from moto.logs.exceptions import InvalidParameterException
    from moto.logs.models import LogGroup
    from moto.logs.responses import LogsResponse

    create, filter_, describe = (
        LogsResponse.create_log_group,
        LogsResponse.filter_log_events,
        LogGroup.to_describe_dict,
    )

    def created(self):
        answer = create(self)
        kind = self._get_param("logGroupClass") or "STANDARD"
        self.logs_backend.groups[self._get_param("logGroupName")].log_group_class = kind
        return answer

    def filtered(self):
        group = self.logs_backend.groups.get(self._get_param("logGroupName"))
        if group is not None and group.log_group_class == "INFREQUENT_ACCESS":
            error = InvalidParameterException.__new__(InvalidParameterException)
            message = "FilterLogEvents is not supported on Infrequent Access log groups"
            super(InvalidParameterException, error).__init__(message)
            raise error
        return filter_(self)

    def described(self):
        times = [event.timestamp for stream in self.streams.values() for event in stream.events]
        known = describe(self)
        oldest = min([known["creationTime"], *times])
        return {**known, "creationTime": oldest, "logGroupClass": self.log_group_class}

    LogsResponse.create_log_group = created
    LogsResponse.filter_log_events = filtered
    LogGroup.to_describe_dict = described


def odd_pages():
    """Groups named for it: `circling` has no last page, `overlapping` gives each event on two pages."""
    from moto.logs.responses import LogsResponse

    stock = LogsResponse.filter_log_events

    def answer(self):
        name, after = self._get_param("logGroupName") or "", self._get_param("nextToken")
        if name.startswith("circling"):
            return json.dumps({"events": [], "nextToken": "b" if after == "a" else "a"})
        if not name.startswith("overlapping"):
            return stock(self)
        since, until = self._get_param("startTime"), self._get_param("endTime")
        page = [
            {**event.to_filter_dict(), "logStreamName": stream_name}
            for stream_name, stream in self.logs_backend.groups[name].streams.items()
            for event in stream.events
            if since <= event.timestamp <= until
        ]
        return json.dumps({"events": page, **({} if after else {"nextToken": "again"})})

    LogsResponse.filter_log_events = answer


def query_logs():
    """StartQuery knows the one query of flowq, in whole seconds; its results take a second call."""
    import datetime
    import re

    from moto.logs.exceptions import ResourceNotFoundException
    from moto.logs.responses import LogsResponse

    queries = {}

    def start(self):
        name = self._get_param("logGroupName")
        name = name or self._get_param("logGroupIdentifiers")[0].split(":log-group:")[-1]
        group = self.logs_backend.groups.get(name)
        if group is None:
            raise ResourceNotFoundException()
        since, until = self._get_param("startTime") * 1000, self._get_param("endTime") * 1000
        text = self._get_param("queryString")
        limit = int(re.search(r"limit (\d+)", text)[1])
        part = re.search(r'strcontains\(@logStream, "(.*?)"\)', text)
        found = [
            (event.timestamp, event.event_id, stream_name, event.message)
            for stream_name, stream in group.streams.items()
            if part is None or part[1] in stream_name
            for event in stream.events
            if since <= event.timestamp <= until
        ]
        found.sort()
        query = str(uuid.uuid4())
        queries[query] = [0, found[:limit]]
        return json.dumps({"queryId": query})

    def results(self):
        query = queries[self._get_param("queryId")]
        query[0] += 1
        if query[0] == 1:
            return json.dumps({"status": "Running", "results": []})
        rows = []
        for time_ms, event, stream_name, message in query[1]:
            time = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.timezone.utc)
            values = {
                "@timestamp": time.strftime("%Y-%m-%d %H:%M:%S.") + f"{time_ms % 1000:03d}",
                "@message": message,
                "@logStream": stream_name,
                "@ptr": f"ptr{event}",
            }
            rows.append([{"field": key, "value": value} for key, value in values.items()])
        return json.dumps({"status": "Complete", "results": rows})

    LogsResponse.start_query = start
    LogsResponse.get_query_results = results


# ---------------------------------------------------------------------------------------- S3 and SQS


def s3_events():
    """Notifications with AWS's fields and AWS's encoding of keys."""
    from moto.s3 import notifications

    stock = notifications._get_s3_event

    def event(event_name, bucket, key, notification_id):
        result = stock(event_name, bucket, key, notification_id)
        record = result["Records"][0]
        record["eventVersion"] = "2.6"
        record["userIdentity"] = {"principalId": "AWS:AIDAEXAMPLE"}
        record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
        record["responseElements"] = {"x-amz-request-id": uuid.uuid4().hex[:16].upper()}
        record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "EXAMPLE"}
        stored = record["s3"]["object"]
        stored["key"] = urllib.parse.quote_plus(key.name, safe="/*-._")
        stored["sequencer"] = f"{time.time_ns():018X}"
        return result

    notifications._get_s3_event = event


def fast_queues():
    """moto works out every attribute of a queue for every message of it; one of them is enough."""
    from moto.sqs.models import SQSBackend

    def valid(self, queue_name, message):
        kept = self.get_queue(queue_name).message_retention_period
        return kept + message.sent_timestamp / 1000 > time.time()

    SQSBackend.is_message_valid_based_on_retention_period = valid


# ---------------------------------------------------------------- the inventory: CloudTrail, jobs, Config

# What tests said happened in a region: {(region, kind): [...]}. moto has none of these calls.
TOLD = collections.defaultdict(list)


def tell(region, kind, entries):
    """kind: `events` of CloudTrail, `job` as it is to be shown, `items` of Config, or calls that are `denied`."""
    if kind == "job":
        from moto.sagemaker.models import sagemaker_backends

        for entry in entries:
            job = sagemaker_backends["123456789012"][region].processing_jobs[entry.pop("name")]
            for key, value in entry.items():
                timed = key.endswith("_time") and value is not None
                setattr(job, key, datetime.datetime.utcfromtimestamp(value) if timed else value)
    else:
        TOLD[region, kind].extend(entries)


def lookup_events():
    """LookupEvents with one attribute, newest first, 50 a page, at most twice a second."""
    from moto.cloudtrail.responses import CloudTrailResponse
    from moto.core.exceptions import JsonRESTError

    last = collections.defaultdict(float)

    def answer(self):
        now = time.time()
        if now - last[self.region] < 0.45:
            raise JsonRESTError("ThrottlingException", "Rate exceeded")
        last[self.region] = now
        if "LookupEvents" in TOLD[self.region, "denied"]:
            raise JsonRESTError("AccessDeniedException", "not authorized to perform: cloudtrail:LookupEvents")
        ask = self._get_param
        (attribute,) = ask("LookupAttributes")
        if attribute["AttributeKey"] != "EventName" or not 1 <= ask("MaxResults") <= 50:
            raise JsonRESTError("InvalidLookupAttributesException", "one EventName, 50 a page")
        moment = lambda value: value.timestamp() if hasattr(value, "timestamp") else float(value)
        since, until = moment(ask("StartTime")), moment(ask("EndTime"))
        found = [
            event
            for event in TOLD[self.region, "events"]
            if event["EventName"] == attribute["AttributeValue"] and since <= event["EventTime"] <= until
        ]
        found.sort(key=lambda event: -event["EventTime"])
        begin = position(ask("NextToken")) if ask("NextToken") else 0
        end = begin + ask("MaxResults")
        page = {"Events": found[begin:end]}
        if end < len(found):
            page["NextToken"] = token(end)
        return json.dumps(page)

    CloudTrailResponse.lookup_events = answer


def list_jobs():
    """ListProcessingJobs compares the times it is given, filters before it pages, and pages by 100 at most."""
    from moto.sagemaker.responses import SageMakerResponse

    def answer(self):
        ask = self._get_param
        moment = lambda value: value.timestamp() if hasattr(value, "timestamp") else float(value)
        created = lambda job: job.creation_time.replace(tzinfo=datetime.timezone.utc).timestamp()
        jobs = [
            job
            for job in self.sagemaker_backend.processing_jobs.values()
            if moment(ask("CreationTimeAfter") or 0) <= created(job) <= moment(ask("CreationTimeBefore") or 1e12)
        ]
        jobs.sort(key=created)
        begin, size = int(ask("NextToken") or 0), min(int(ask("MaxResults") or 10), 100)
        keys = ["ProcessingJobName", "ProcessingJobArn", "CreationTime", "ProcessingEndTime"]
        keys += ["LastModifiedTime", "ProcessingJobStatus"]
        page = [
            {key: job.response_object[key] for key in keys if key in job.response_object}
            for job in jobs[begin : begin + size]
        ]
        result = {"ProcessingJobSummaries": page}
        if begin + size < len(jobs):
            result["NextToken"] = str(begin + size)
        return ActionResult(result)

    SageMakerResponse.list_processing_jobs = answer


def config_history():
    """AWS Config remembers interfaces, where a test says so."""
    from moto.config.responses import ConfigResponse

    def discovered(self):
        items = TOLD[self.region, "items"]
        ids = sorted({item["resourceId"] for item in items})
        gone = {
            item["resourceId"]: item["configurationItemCaptureTime"]
            for item in items
            if item["configurationItemStatus"] == "ResourceDeleted"
        }
        begin = int(self._get_param("nextToken") or 0)
        page = [
            {"resourceType": "AWS::EC2::NetworkInterface", "resourceId": id}
            | ({"resourceDeletionTime": gone[id]} if id in gone else {})
            for id in ids[begin : begin + 1]
        ]
        answer = {"resourceIdentifiers": page}
        if begin + 1 < len(ids):
            answer["nextToken"] = str(begin + 1)
        return json.dumps(answer)

    def history(self):
        id = self._get_param("resourceId")
        items = [item for item in TOLD[self.region, "items"] if item["resourceId"] == id]
        return json.dumps({"configurationItems": items})

    ConfigResponse.list_discovered_resources = discovered
    ConfigResponse.get_resource_config_history = history


CORRECTIONS = [
    page_ec2,
    filter_log_events,
    keep_old_log_events,
    log_classes,
    odd_pages,
    query_logs,
    s3_events,
    fast_queues,
    lookup_events,
    list_jobs,
    config_history,
]


# --------------------------------------------------------------------------------------------- calls


class Recorder:
    """Remembers what was called, and hands it on."""

    def __init__(self, app):
        self.app = app
        self.calls = collections.deque(maxlen=CALLS_MAX)

    def __call__(self, environ, start_response):
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        if path == "/_test/calls":
            about = urllib.parse.parse_qs(query).get("about", [""])[0]
            found = [call for call in list(self.calls) if about in call["path"] + call["body"]]
            answer = json.dumps(found).encode()
            start_response(
                "200 OK",
                [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))],
            )
            return [answer]
        body = self.body(environ)
        if path == "/_test/tell":
            asked = urllib.parse.parse_qs(query)
            tell(asked["region"][0], asked["kind"][0], json.loads(body))
            start_response("200 OK", [("Content-Length", "0")])
            return [b""]
        self.calls.append(
            {
                "operation": operation(environ, path, query, body),
                "path": f"{path}?{query}" if query else path,
                "body": body[:BODY_MAX].decode("utf-8", "replace"),
            }
        )
        return self.app(environ, start_response)

    @staticmethod
    def body(environ):
        """The body of a call in JSON or in a form. Those of objects are not looked at."""
        kind = environ.get("CONTENT_TYPE", "")
        if not ("json" in kind or "x-www-form-urlencoded" in kind):
            return b""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return body


def operation(environ, path, query, body):
    """AWS's name of the call."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target.rsplit(".", 1)[-1]
    action = urllib.parse.parse_qs(body.decode("utf-8", "replace")).get("Action")
    if action:
        return action[0]
    asked = urllib.parse.parse_qs(query, keep_blank_values=True)
    on_key = "/" in path.strip("/")
    method = environ.get("REQUEST_METHOD", "")
    if method == "GET" and not on_key:
        if "list-type" in asked:
            return "ListObjectsV2"
        return "GetBucketLocation" if "location" in asked else "ListBuckets" if path == "/" else "GetBucket"
    names = {"GET": "Get", "PUT": "Put", "HEAD": "Head", "DELETE": "Delete", "POST": "Post"}
    return names.get(method, method) + ("Object" if on_key else "Bucket")


def main():
    for correction in CORRECTIONS:
        correction()
    app = Recorder(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    # A daemon thread does not hold up the end.
    sys.stdin.buffer.read()


main()
