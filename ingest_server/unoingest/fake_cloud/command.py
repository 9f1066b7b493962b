"""Runs the fake service as a program, until SIGTERM or SIGINT."""

import signal
from collections.abc import Mapping
from pathlib import Path

import msgspec

from unoingest.errors import ServeError
from unoingest.fake_cloud.certificate import make_certificate
from unoingest.fake_cloud.faults import FaultPlan
from unoingest.fake_cloud.grpc_front import GrpcFront
from unoingest.fake_cloud.log import FakeLog
from unoingest.fake_cloud.rest_front import RestFront
from unoingest.structured_log import write_stdout


def run(
    *,
    host: str,
    grpc_port: int,
    rest_port: int,
    certificate_file: Path | None,
    rates: Mapping[str, float],
    seed: int,
    poison_rate: float,
) -> None:
    """Serve; one JSON line on stdout says where, once both ports are open.

    Args:
        host: Name or address to listen at.
        grpc_port: TCP port for gRPC, 0 for a free one.
        rest_port: TCP port for REST, 0 for a free one.
        certificate_file: Where to write the certificate of this run; gRPC then speaks TLS. None for no TLS.
        rates: Share of the writes, 0..1, that each named fault hits.
        seed: Of the draw of faults.
        poison_rate: Share of the entries, 0..1, that is refused by name.

    Raises:
        ServeError: an address cannot be listened at, or the certificate cannot be written.
    """
    # before anything is announced: whoever reads the line may send a signal at once
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    log = FakeLog(FaultPlan(rates, seed=seed, poison_rate=poison_rate))
    certificate = make_certificate() if certificate_file else None
    try:
        if certificate_file and certificate:
            certificate_file.write_bytes(certificate[1])
        grpc_front = GrpcFront(log, host=host, port=grpc_port, certificate=certificate)
        rest_front = RestFront(log, host=host, port=rest_port)
    except (OSError, RuntimeError) as error:
        raise ServeError(
            f"the fake cannot start: {error}", "Choose other ports (0 takes a free one) or another file."
        ) from error
    write_stdout(msgspec.json.encode({"grpc_port": grpc_front.port, "rest_port": rest_front.port}) + b"\n")
    signal.sigwait(ends)
    rest_front.close()
    grpc_front.close()
