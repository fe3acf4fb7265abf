"""A decoder of event files for TensorBoard, written from the formats of TFRecord and protobuf, bit by bit where the writer has a table."""

import struct


def crc32c(data):
    """CRC32C by the definition: the remainder of a division of polynomials, bit by bit from the highest coefficient."""
    reflected = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    value = int.from_bytes(reflected + bytes(4), "big") ^ (0xFFFFFFFF << 8 * len(data))
    for bit in range(8 * len(data) + 31, 31, -1):
        if value >> bit & 1:
            value ^= 0x11EDC6F41 << bit - 32
    return int(f"{value ^ 0xFFFFFFFF:032b}"[::-1], 2)


def unmasked(value):
    rotated = (value - 0xA282EAD8) % 2**32
    return (rotated << 15 | rotated >> 17) % 2**32


def records(data):
    """Yield the payloads of TFRecords, with their checksums checked."""
    while data:
        (length,), (of_length,) = struct.unpack("<Q", data[:8]), struct.unpack("<I", data[8:12])
        payload, (of_payload,) = data[12 : 12 + length], struct.unpack("<I", data[12 + length : 16 + length])
        assert unmasked(of_length) == crc32c(data[:8])
        assert unmasked(of_payload) == crc32c(payload)
        yield payload
        data = data[16 + length :]


def varint(data):
    value = shift = 0
    for at, byte in enumerate(data):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, data[at + 1 :]
    raise AssertionError("a number without an end")


def fields(data):
    """Yield number and value of the fields of a message: integers, floats and bytes."""
    while data:
        key, data = varint(data)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, data = varint(data)
        elif kind == 1:
            (value,), data = struct.unpack("<d", data[:8]), data[8:]
        elif kind == 5:
            (value,), data = struct.unpack("<f", data[:4]), data[4:]
        else:
            assert kind == 2
            length, data = varint(data)
            value, data = data[:length], data[length:]
            assert len(value) == length
        yield number, value


def events(data):
    """Yield step and content of the events of a file: a version, "start", or a dictionary of scalars."""
    for payload in records(data):
        event = dict(fields(payload))
        assert 1.7e9 < event[1] < 1e10  # seconds since 1970
        if 3 in event:
            yield event[2], event[3].decode()
        elif 7 in event:
            assert dict(fields(event[7])) == {1: 1}
            yield event[2], "start"
        else:
            values = [dict(fields(value)) for number, value in fields(event[5]) if number == 1]
            assert all(value.keys() == {1, 2} for value in values)
            yield event[2], {value[1].decode(): value[2] for value in values}
