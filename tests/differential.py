#!/usr/bin/env python3
"""The same commands to two servers: a real mongod and the embedded store; every reply must be the same.

    differential.py URI_OF_MONGOD URI_OF_EMBEDDED [SECTION ..]
    SQUALL_MONGODB_URI=.. SQUALL_EMBEDDED_URI=.. differential.py

SQUALL_DIFFERENTIAL_SEED=7:5000 chooses another seed, and how many random cases there are.

Owns the list of commands and what may differ between two right answers: times, generated ids, the
wording in front of an error. A difference is printed with both replies, and the exit status is 1.
PyMongo is needed (its BSON for the commands, itself for the client script), Motor is used if present.
Read next: `embedded_differential.rs`, which starts this.
"""
import asyncio
import datetime
import math
import os
import random
import re
import socket
import struct
import sys

import bson
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
import pymongo

DATABASE = 'squall_differential'
DAY = datetime.datetime(2024, 2, 29, 13, 4, 5, 678000)


class Server:
    """One server, spoken to in whole commands: whatever a test wants to send, right or wrong."""

    def __init__(self, uri):
        host, port = pymongo.uri_parser.parse_uri(uri)['nodelist'][0]
        self.uri, self.address, self.socket = uri, (host, port), None
        self.cursors = []

    def command(self, command, database=DATABASE):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=30)
        command = dict(command)
        command.setdefault('$db', database)
        body = struct.pack('<I', 0) + b'\0' + bson.encode(command)
        self.socket.sendall(struct.pack('<iiii', 16 + len(body), 1, 0, 2013) + body)
        length, = struct.unpack_from('<i', self.receive(16))
        reply = bson.decode(self.receive(length - 16)[5:])
        cursor = reply.get('cursor')
        if isinstance(cursor, dict) and cursor.get('id'):
            self.cursors.append(cursor['id'])
        return reply

    def receive(self, count):
        data = b''
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                self.socket = None
                raise OSError('the server closed the connection')
            data += more
        return data


# ---- what may differ -------------------------------------------------------------------------

NOISE = {'$clusterTime', 'operationTime', 'topologyVersion', 'localTime', 'connectionId'}
PREFIXES = re.compile(
    r'^(Invalid \$(project|addFields)|PlanExecutor error during aggregation|Failed to optimize (pipeline|expression)|Plan executor error during '
    r'(findAndModify|update)|Executor error during find command|Index build failed: \S+ Collection \S+ '
    r'\( \S+ \)) :: caused by :: ')


class Normal:
    """Turns a reply into something that compares equal if it means the same."""

    def __init__(self):
        self.ids = {}

    def of(self, value, ordered=False):
        if isinstance(value, dict):
            items = [(k, self.field(k, v, ordered)) for k, v in value.items() if k not in NOISE]
            return items if ordered else sorted(items, key=lambda item: item[0])
        if isinstance(value, list):
            return [self.of(item, ordered) for item in value]
        if isinstance(value, ObjectId) and value not in GIVEN_IDS:
            return 'ObjectId #%d' % self.ids.setdefault(value, len(self.ids))
        if isinstance(value, Binary) and value.subtype == 4:
            return 'a uuid'
        if isinstance(value, datetime.datetime) and value.year > 2024:
            return 'a time of this run'
        if isinstance(value, float):
            return 'float ' + ('nan' if math.isnan(value) else repr(value))
        return '%s %r' % (type(value).__name__, value)

    def field(self, name, value, ordered):
        if name == 'errmsg':
            while PREFIXES.match(value):
                value = PREFIXES.sub('', value)
            # What mongod adds about its own insides: dependencies, trees, plans.
            value = re.sub(r'(?s)Input document: .*|, v: 2(?= })|in partial index: .*|Tree: .*?(?= planner)', '', value)
            return re.sub(r'[0-9a-f]{24}|[0-9]{12,}(?= not found)', 'an id', value)
        if name == 'cursorsKilled':
            return len(value)
        if name == 'id' and isinstance(value, int) and value != 0:
            return 'a cursor'
        # Inside documents the order of fields counts, in the reply around them it does not.
        return self.of(value, ordered or name in ('firstBatch', 'nextBatch', 'value', 'values'))


GIVEN_IDS = {ObjectId('65e0c0ffee0123456789abc%x' % i) for i in range(16)}
OID = ObjectId('65e0c0ffee0123456789abcd')


class Case:
    """A name and the commands that make it, sent one after the other to a database of its own."""

    def __init__(self, name, *commands, unordered=False, errors_alike=False, database=DATABASE):
        self.name, self.commands, self.unordered, self.errors_alike = name, commands, unordered, errors_alike
        self.database = database


def failed(reply):
    return ('ok', 'float 0.0') in reply


def run(case, server):
    if case.database == DATABASE:
        server.command({'dropDatabase': 1})
    normal, replies = Normal(), []
    server.cursors = []
    for command in case.commands:
        command = dict(command)
        if command.get('getMore') == 'last':
            command['getMore'] = server.cursors[-1] if server.cursors else Int64(1)
        if command.get('cursors') == 'last':
            command['cursors'] = server.cursors[-1:]
        reply = server.command(command, case.database)
        if case.unordered:
            for name in ('firstBatch', 'values'):
                batch = reply.get('cursor', reply).get(name)
                if batch is not None:
                    batch.sort(key=repr)
        replies.append(normal.of(reply))
    return replies


# ---- the commands ----------------------------------------------------------------------------

def insert(documents, collection='a', **options):
    return dict({'insert': collection, 'documents': documents}, **options)


def find(query=None, collection='a', **options):
    command = {'find': collection, 'filter': {} if query is None else query}
    command.update(options)
    return command


def update(change, query=None, collection='a', **options):
    entry = {'q': {} if query is None else query, 'u': change}
    entry.update(options)
    return {'update': collection, 'updates': [entry]}


def aggregate(*stages, collection='a', **options):
    return dict({'aggregate': collection, 'pipeline': list(stages), 'cursor': {}}, **options)


def index(*specifications, collection='a', **options):
    return dict({'createIndexes': collection, 'indexes': list(specifications)}, **options)

ODD_DOCUMENTS = [
    {'_id': 1, 'a': [[1, 2]]},
    {'_id': 2, 'a': [{'b': [1, 2]}]},
    {'_id': 3, 'a': []},
    {'_id': 4, 'a': [1, 2]},
    {'_id': 5, 'a': [{}, {'b': 1}]},
    {'_id': 6, 'a': 5},
    {'_id': 7},
    {'_id': 8, 'a': None},
    {'_id': 9, 'a': [[{'b': 1}]]},
    {'_id': 10, 'a': {'0': 1}},
    {'_id': 11, 'a': [{'0': 1}]},
    {'_id': 12, 'a': float('nan')},
    {'_id': 13, 'a': [[]]},
]

QUERIES = [
    {'a.0': 1},
    {'a.0': 2},
    {'a.b': 1},
    {'a.b': None},
    {'a': None},
    {'a.b': {'$exists': False}},
    {'a.0.b': 1},
    {'a.0.0': 1},
    {'a.0': [1, 2]},
    {'a': [1, 2]},
    {'a': {'$gt': [1]}},
    {'a': {'$gte': [0]}},
    {'a': {'$lt': [5]}},
    {'a': {'$size': 0}},
    {'a.0': {'$size': 2}},
    {'a': {'$in': [None]}},
    {'a': {'$gte': None}},
    {'a': {'$gt': MinKey()}},
    {'a': {'$gt': None}},
    {'a': float('nan')},
    {'a': {'$gte': float('nan')}},
    {'a': {'$gte': 1}},
    {'a': {'$lt': MaxKey()}},
    {'a': {'$elemMatch': {'b': 1}}},
    {'a': {'$elemMatch': {'$gt': 1}}},
    {'a': {'$not': {'$gt': 1}}},
    {'a': {'$type': 'array'}},
    {'a': {'$type': 'number'}},
    {'a': {'$all': [1, 2]}},
    {'a': {'$all': [[1, 2]]}},
    {'a': {'$all': []}},
    {'a': {'$elemMatch': {'$elemMatch': {'b': 1}}}},
    {'a': {'$elemMatch': {'$size': 0}}},
    {'a': {'$mod': [2, 1]}},
    {'a': {'$type': 'double'}},
    {'a': {'$elemMatch': {'0': 1}}},
    {'a.0': {'$exists': True}},
    {'a.0': {'$type': 'array'}},
    {'a.0': {'$elemMatch': {'$gt': 1}}},
    {'a.0': None},
    {'a.5': None},
    {'a': {'$in': 1}},
    {'a': {'$in': [{'$x': 1}]}},
    {'a': {'$all': 1}},
    {'a': {'$size': 'a'}},
    {'a': {'$size': 1.5}},
    {'a': {'$size': -1}},
    {'a': {'$mod': 1}},
    {'a': {'$mod': [1]}},
    {'a': {'$mod': [0, 1]}},
    {'a': {'$mod': [1, 2, 3]}},
    {'a': {'$mod': ['a', 1]}},
    {'a': {'$elemMatch': 1}},
    {'a': {'$not': 1}},
    {'a': {'$not': {}}},
    {'a': {'$type': 'foo'}},
    {'a': {'$type': 999}},
    {'a': {'$type': []}},
    {'a': {'$type': {}}},
    {'a': {'$regex': 1}},
    {'a': {'$regex': '('}},
    {'a': {'$regex': 'a', '$options': 'z'}},
    {'a': {'$options': 'i'}},
    {'$and': 1},
    {'$and': []},
    {'$or': [1]},
    {'$nor': {}},
    {'$expr': {'$foo': 1}},
    {'a': {'$exists': 1, 'b': 1}},
    {'a': {'b': 1, '$exists': 1}},
    {'$comment': 'x'},
    {'$text': {'$search': 'x'}},
    {'a': {'$nin': 1}},
    {'a': {'$ne': Regex('a')}},
    {'a': {'$gt': Regex('a')}},
    {'a': {'$regex': Regex('a', 'i'), '$options': 'm'}},
    {'a': {'$eq': {'$foo': 1}}},
    {'a': {'$not': {'$foo': 1}}},
    {'a': {'$all': [{'$elemMatch': {'b': 1}}, 1]}},
    {'a': {'$all': [{'$gt': 1}]}},
    {'a': {'$bitsAllSet': -1}},
    {'a': {'$elemMatch': {'$or': [{'b': 1}]}}},
    {'$expr': '$a'},
    {'': 1},
    {'$alwaysTrue': 1},
    {'a': {'$exists': None}},
    {'a': {'$options': 'i', '$regex': 'a'}},
    {'a': {'$regex': 'a', '$gt': 1}},
    {'a': {'$not': {'$regex': 'a'}}},
    {'$not': {'a': 1}},
    {'a': {'$mod': [2.9, 1.9]}},
    {'a': {'$mod': [float('nan'), 1]}},
    {'a': {'$elemMatch': {'$gt': 1, 'b': 1}}},
]

EXPRESSIONS = [
    {'$add': ['$i', 1]},
    {'$add': ['$big', 1]},
    {'$add': ['$lbig', 1]},
    {'$add': ['$dt', 1]},
    {'$add': ['$s', 1]},
    {'$add': ['$n', 1]},
    {'$add': ['$zz', 1]},
    {'$add': []},
    {'$add': '$i'},
    {'$subtract': ['$dt', '$dt']},
    {'$subtract': ['$dt', 1000]},
    {'$subtract': [1]},
    {'$subtract': ['$s', 1]},
    {'$subtract': ['$lbig', -1]},
    {'$multiply': ['$big', 2]},
    {'$multiply': ['$lbig', 2]},
    {'$multiply': ['$s', 1]},
    {'$divide': [6, 3]},
    {'$divide': [6, 0]},
    {'$divide': [1, 3]},
    {'$divide': ['$dec', 3]},
    {'$divide': ['$s', 3]},
    {'$mod': ['$neg', 3]},
    {'$mod': [5.5, 2]},
    {'$mod': [5, 0]},
    {'$mod': ['$s', 2]},
    {'$mod': [Decimal128('5.5'), 2]},
    {'$abs': '$neg'},
    {'$abs': -9223372036854775808},
    {'$abs': '$s'},
    {'$ceil': '$d'},
    {'$floor': -2.5},
    {'$round': 2.5},
    {'$round': [3.14159, 2]},
    {'$round': [1234, -2]},
    {'$trunc': -2.7},
    {'$sqrt': 4},
    {'$sqrt': -1},
    {'$pow': [2, 10]},
    {'$pow': [2, 0.5]},
    {'$pow': [2, -1]},
    {'$exp': 1},
    {'$ln': 10},
    {'$log10': 100},
    {'$min': [3, 1, 2]},
    {'$max': ['$a']},
    {'$max': '$a'},
    {'$sum': '$a'},
    {'$sum': ['$i', '$s', 2]},
    {'$avg': [1, 2]},
    {'$avg': ['$s']},
    {'$cmp': [1, 2]},
    {'$eq': ['$n', None]},
    {'$eq': ['$zz', None]},
    {'$gt': ['$zz', None]},
    {'$lt': ['$zz', None]},
    {'$eq': [1]},
    {'$and': []},
    {'$or': []},
    {'$not': ['$i']},
    {'$not': '$n'},
    {'$cond': [True, 1, 2]},
    {'$cond': {'if': '$i', 'then': 1, 'else': 2}},
    {'$cond': {'if': 1, 'then': 2}},
    {'$cond': [1, 2]},
    {'$ifNull': ['$n', 'd']},
    {'$ifNull': ['$zz', None, 3]},
    {'$ifNull': [1]},
    {'$switch': {'branches': [{'case': False, 'then': 1}], 'default': 2}},
    {'$switch': {'branches': [{'case': False, 'then': 1}]}},
    {'$switch': {'branches': []}},
    {'$concat': ['a', '$s']},
    {'$concat': ['a', '$n']},
    {'$concat': ['a', 1]},
    {'$toUpper': '$s'},
    {'$toLower': 'ABC'},
    {'$toUpper': '$n'},
    {'$toUpper': 1},
    {'$toUpper': '$a'},
    {'$strLenCP': '$s'},
    {'$strLenBytes': '$s'},
    {'$strLenCP': '$n'},
    {'$substrCP': ['$s', 1, 2]},
    {'$substr': ['abc', 1, -1]},
    {'$substrBytes': ['$s', 1, 1]},
    {'$substr': ['$n', 0, 1]},
    {'$split': ['a,b', ',']},
    {'$split': ['a', '']},
    {'$split': ['$n', ',']},
    {'$trim': {'input': '  a '}},
    {'$ltrim': {'input': 'xxa', 'chars': 'x'}},
    {'$indexOfCP': ['hello', 'l']},
    {'$indexOfCP': ['hello', 'z']},
    {'$replaceOne': {'input': 'aa', 'find': 'a', 'replacement': 'b'}},
    {'$replaceAll': {'input': 'aa', 'find': 'a', 'replacement': 'b'}},
    {'$regexMatch': {'input': '$s', 'regex': '^h'}},
    {'$strcasecmp': ['a', 'B']},
    {'$size': '$a'},
    {'$size': '$i'},
    {'$size': '$zz'},
    {'$arrayElemAt': ['$a', 0]},
    {'$arrayElemAt': ['$a', -1]},
    {'$arrayElemAt': ['$a', 9]},
    {'$arrayElemAt': ['$i', 0]},
    {'$arrayElemAt': ['$a', 'x']},
    {'$first': '$a'},
    {'$last': '$a'},
    {'$first': '$i'},
    {'$in': [1, '$a']},
    {'$in': [1, '$i']},
    {'$concatArrays': ['$a', [9]]},
    {'$concatArrays': ['$a', '$n']},
    {'$concatArrays': ['$a', 1]},
    {'$slice': ['$a', 2]},
    {'$slice': ['$a', -2]},
    {'$slice': ['$a', 1, 1]},
    {'$slice': ['$a', 1, 0]},
    {'$slice': ['$i', 1]},
    {'$reverseArray': '$a'},
    {'$reverseArray': '$i'},
    {'$isArray': '$a'},
    {'$isArray': ['$i']},
    {'$range': [0, 5, 2]},
    {'$range': [0, 5, 0]},
    {'$indexOfArray': ['$a', 2]},
    {'$setUnion': [[1, 2], [2, 3]]},
    {'$setIntersection': [[2, 1], [2, 3]]},
    {'$setDifference': [[1, 2], [2, 3]]},
    {'$setEquals': [[1, 2], [2, 1]]},
    {'$setIsSubset': [[1], [2, 1]]},
    {'$map': {'input': '$a', 'as': 'v', 'in': '$$v'}},
    {'$map': {'input': '$a', 'in': {'q': '$$this'}}},
    {'$map': {'input': '$i', 'in': 1}},
    {'$map': {'in': 1}},
    {'$filter': {'input': '$a', 'cond': {'$gt': ['$$this', 1]}}},
    {'$filter': {'input': '$i', 'cond': 1}},
    {'$reduce': {'input': [1, 2], 'initialValue': 0, 'in': {'$add': ['$$value', '$$this']}}},
    {'$objectToArray': '$o'},
    {'$arrayToObject': [[['a', 1]]]},
    {'$arrayToObject': {'$literal': [{'k': 'a', 'v': 1}]}},
    {'$mergeObjects': ['$o', {'z': 1}]},
    {'$mergeObjects': ['$i']},
    {'$getField': 'i'},
    {'$getField': {'field': 'x', 'input': '$o'}},
    {'$setField': {'field': 'x', 'input': '$o', 'value': 9}},
    {'$type': '$zz'},
    {'$type': '$i'},
    {'$toString': '$i'},
    {'$toString': '$d'},
    {'$toString': '$dt'},
    {'$toString': '$oid'},
    {'$toString': '$a'},
    {'$toString': True},
    {'$toString': '$dec'},
    {'$toInt': '5'},
    {'$toInt': 'x'},
    {'$toInt': 5.9},
    {'$toInt': 10000000000.0},
    {'$toInt': '$n'},
    {'$toInt': '5.5'},
    {'$toLong': '$d'},
    {'$toLong': '$dt'},
    {'$toDouble': '1.5'},
    {'$toDouble': '$dec'},
    {'$toDecimal': '1.50'},
    {'$toDecimal': 2.5},
    {'$toDecimal': 0.1},
    {'$toBool': '$s'},
    {'$toBool': 0},
    {'$toDate': '2024-01-02T03:04:05Z'},
    {'$toDate': 1000},
    {'$toDate': Int64(1000)},
    {'$toObjectId': '65e0c0ffee0123456789abcd'},
    {'$toObjectId': 'x'},
    {'$convert': {'input': 'x', 'to': 'int', 'onError': 'bad'}},
    {'$convert': {'input': None, 'to': 'int', 'onNull': 'nul'}},
    {'$convert': {'input': '1', 'to': 16}},
    {'$isNumber': '$i'},
    {'$year': '$dt'},
    {'$month': '$dt'},
    {'$dayOfMonth': '$dt'},
    {'$hour': '$dt'},
    {'$minute': '$dt'},
    {'$second': '$dt'},
    {'$millisecond': '$dt'},
    {'$dayOfWeek': '$dt'},
    {'$dayOfYear': '$dt'},
    {'$year': '$i'},
    {'$dateToString': {'date': '$dt'}},
    {'$dateToString': {'date': '$dt', 'format': '%Y-%m-%d %H:%M:%S.%L %j %u %w %%'}},
    '$o.y.z',
    '$o.y',
    '$a.b',
    '$zz',
    '$$ROOT.i',
    '$$CURRENT.i',
    '$$zz',
    '$$REMOVE',
    '$',
    '$$',
    '$a..b',
    '$a.',
    {'a': 1, 'b': '$i'},
    ['$i', '$zz'],
    {'$foo': 1},
    {'$add': [1], 'b': 1},
    {'$let': {'vars': {'x': '$i'}, 'in': {'$add': ['$$x', 1]}}},
    {'$let': {'in': 1}},
    {'$let': {'vars': {'X': 1}, 'in': 1}},
    {'$literal': '$i'},
    {'$literal': {'a': '$b'}},
    {'$map': {'input': '$a', 'as': 'v', 'in': '$$v', 'zz': 1}},
    {'$anyElementTrue': ['$a']},
    {'$allElementsTrue': ['$a']},
    {'$sum': []},
    {'$toUpper': []},
    {'$cond': [1, 2, 3, 4]},
    {'$ne': ['$i', '$l']},
    {'$add': ['$l', 1]},
    {'$add': ['$d', 1]},
    {'$add': ['$dec', 0.1]},
    {'$multiply': ['$dec', 2]},
    {'$add': [1, '$dec', '$d']},
    {'$toString': 1e+300},
    {'$toString': 2.0},
    {'$toString': 1000000000000000.0},
    {'$toString': 1e+21},
    {'$toString': 1e-05},
]

UPDATES = [
    ({'a': 1}, {'$set': {'b': 1, 'a': 2}}, None, {}),
    ({'a': 1}, {'$set': {'z': 1, 'y': 2, 'c.10': 1, 'c.9': 2}}, None, {}),
    ({}, {'$set': {'x.b': 1, 'x.a': 1}}, None, {}),
    ({'a': 1}, {'$set': {'a': 1}}, None, {}),
    ({'a': 1}, {'$set': {'a': 1.0}}, None, {}),
    ({'a': 1}, {'$set': {'a.b': 1}}, None, {}),
    ({'a': None}, {'$set': {'a.b': 1}}, None, {}),
    ({'a': [1]}, {'$set': {'a.b': 1}}, None, {}),
    ({'a': [1]}, {'$set': {'a.3': 1}}, None, {}),
    ({'a': [1]}, {'$set': {'a.1500002': 1}}, None, {}),
    ({'a': [{'x': 1}]}, {'$set': {'a.0.x': 2}}, None, {}),
    ({'a': [1]}, {'$set': {'a.0.x': 2}}, None, {}),
    ({}, {'$set': {'a': 1, 'a.b': 1}}, None, {}),
    ({}, {'$set': {'a': 1}, '$inc': {'a': 1}}, None, {}),
    ({}, {'$set': {'a.b': 1}, '$inc': {'a': 1}}, None, {}),
    ({}, {'$set': {'': 1}}, None, {}),
    ({}, {'$set': {'a.': 1}}, None, {}),
    ({}, {'$set': {'a..b': 1}}, None, {}),
    ({}, {'$set': {'$a': 1}}, None, {}),
    ({}, {'$set': {'a.$b': 1}}, None, {}),
    ({}, {'$set': {}}, None, {}),
    ({}, {'$set': 1}, None, {}),
    ({}, {'$foo': {'a': 1}}, None, {}),
    ({}, {'$set': {'a': 1}, 'b': 1}, None, {}),
    ({}, {'b': 1, '$set': {'a': 1}}, None, {}),
    ({'a': 1}, {'$set': {'_id': 2}}, None, {}),
    ({'a': 1}, {'$set': {'_id': 1}}, None, {}),
    ({'a': 1}, {'$unset': {'_id': 1}}, None, {}),
    ({'a': 1}, {'$inc': {'_id': 1}}, None, {}),
    ({}, {'$set': {'_id.a': 1}}, None, {}),
    ({'a': 1}, {'b': 2}, None, {}),
    ({'a': 1}, {'_id': 2, 'b': 2}, None, {}),
    ({'a': 1}, {'_id': 1, 'b': 2}, None, {}),
    ({'a': 1}, {}, None, {}),
    ({'a': 1}, {'a': 1}, None, {}),
    ({'a': 1}, {'b': 2}, None, {'multi': True}),
    (None, {'b': 2}, None, {'upsert': True}),
    (None, {'b': 2}, {'a': 1}, {'upsert': True}),
    (None, {'$set': {'b': 2}}, {'a': 1, 'c.d': 3, 'e': {'$gt': 1}, 'f': {'$eq': 2}, 'g': {'$in': [7]}, '$and': [{'h': 1}], '$or': [{'i': 1}]}, {'upsert': True}),
    (None, {'$set': {'b': 2}}, {'a': 1, '$and': [{'a': 2}]}, {'upsert': True}),
    (None, {'$set': {'a': 2}}, {'a': 1}, {'upsert': True}),
    (None, {'$setOnInsert': {'s': 1}, '$set': {'t': 1}, '$inc': {'n': 2}, '$unset': {'q': 1}, '$push': {'p': 1}}, {'_id': 5}, {'upsert': True}),
    (None, {'$set': {'_id': 6}}, {'_id': 5}, {'upsert': True}),
    (None, {'_id': 6, 'a': 1}, {'_id': 5}, {'upsert': True}),
    (None, {'_id': 6, 'a': 1}, {'a': 5}, {'upsert': True}),
    (None, {'$set': {'x': 1}}, {'_id': {'$gt': 5}}, {'upsert': True}),
    (None, {'$set': {'x': 1}}, {'a.b': 1, 'a.c': 2}, {'upsert': True}),
    (None, {'$set': {'x': 1}}, {'a': {'b': 1}, 'a.c': 2}, {'upsert': True}),
    (None, {'$set': {'x': 1}}, {'a': Regex('x')}, {'upsert': True}),
    (None, {'$set': {'x': 1}}, {'a': {'$all': [1]}}, {'upsert': True}),
    (None, {'$set': {'x': 1}}, {'a': {'$in': [1, 2]}, '$or': [{'b': 1}, {'c': 1}]}, {'upsert': True}),
    (None, {'$set': {'a.b': 1}}, {'a': 1}, {'upsert': True}),
    (None, {'$set': {'x': 1}}, {'a': [1, 2]}, {'upsert': True}),
    ({'a': 1}, {'$inc': {'a': 1}}, None, {}),
    ({'a': 1}, {'$inc': {'a': 1.5}}, None, {}),
    ({'a': 2147483647}, {'$inc': {'a': 1}}, None, {}),
    ({'a': 9223372036854775807}, {'$inc': {'a': 1}}, None, {}),
    ({'a': 'x'}, {'$inc': {'a': 1}}, None, {}),
    ({}, {'$inc': {'a': 'x'}}, None, {}),
    ({}, {'$inc': {'a': 5}}, None, {}),
    ({}, {'$mul': {'a': Int64(5)}}, None, {}),
    ({'a': 2}, {'$mul': {'a': 2.5}}, None, {}),
    ({'a': None}, {'$inc': {'a': 1}}, None, {}),
    ({'a': None}, {'$mul': {'a': 1}}, None, {}),
    ({'a': 1}, {'$inc': {'a': 0}}, None, {}),
    ({}, {'$inc': {'a.b': 1}}, None, {}),
    ({'a': 1.1}, {'$inc': {'a': Decimal128('1.1')}}, None, {}),
    ({'a': [1]}, {'$inc': {'a.0': 1}}, None, {}),
    ({'a': 5}, {'$min': {'a': 3}}, None, {}),
    ({'a': 5}, {'$max': {'a': 3}}, None, {}),
    ({'a': 5}, {'$max': {'a': 'x'}}, None, {}),
    ({}, {'$min': {'a': 3}}, None, {}),
    ({'a': 5}, {'$max': {'a': 5.0}}, None, {}),
    ({'a': 1}, {'$unset': {'a': ''}}, None, {}),
    ({'a': 1}, {'$unset': {'b': ''}}, None, {}),
    ({'a': [1, 2]}, {'$unset': {'a.0': ''}}, None, {}),
    ({'a': 1}, {'$unset': {'a.b': ''}}, None, {}),
    ({'a': {'b': 1}}, {'$unset': {'a.b': ''}}, None, {}),
    ({'a': 1}, {'$rename': {'a': 'b'}}, None, {}),
    ({'a': 1, 'b': 2}, {'$rename': {'a': 'b'}}, None, {}),
    ({'a': 1}, {'$rename': {'a': 'a'}}, None, {}),
    ({'a': 1}, {'$rename': {'a': 'a.b'}}, None, {}),
    ({'a': {'b': 1}}, {'$rename': {'a.b': 'c.d'}}, None, {}),
    ({'a': [{'b': 1}]}, {'$rename': {'a.0.b': 'c'}}, None, {}),
    ({'c': [1], 'a': 1}, {'$rename': {'a': 'c.0'}}, None, {}),
    ({}, {'$rename': {'a': 'b'}}, None, {}),
    ({}, {'$rename': {'a': 1}}, None, {}),
    ({'a': 1}, {'$rename': {'_id': 'b'}}, None, {}),
    ({'a': 1}, {'$rename': {'a': '_id'}}, None, {}),
    ({'a': 1}, {'$rename': {'a': 'b'}, '$set': {'b': 1}}, None, {}),
    ({'a': 1}, {'$rename': {'a': 'b.$'}}, None, {}),
    ({'a': 1}, {'$rename': {'a': ''}}, None, {}),
    ({'a': 1}, {'$rename': {'a.$[]': 'b'}}, None, {}),
    ({}, {'$currentDate': {'a': 1}}, None, {}),
    ({}, {'$currentDate': {'a': {'$type': 'foo'}}}, None, {}),
    ({}, {'$currentDate': {'a': {'$foo': 'date'}}}, None, {}),
    ({}, {'$currentDate': {'a': 'x'}}, None, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$': 9}}, {'a': 2}, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$': 9}}, None, {}),
    ({'a': [{'b': 1}, {'b': 2}]}, {'$set': {'a.$.b': 9}}, {'a.b': 2}, {}),
    ({'a': [{'b': 1}, {'b': 2}]}, {'$set': {'a.$.b': 9}}, {'a': {'$elemMatch': {'b': 2}}}, {}),
    ({'a': [1, 2, 3]}, {'$set': {'$.a': 9}}, {'a': 2}, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$.$': 9}}, {'a': 2}, {}),
    ({'a': [1, 2, 3]}, {'$unset': {'a.$': 9}}, {'a': 2}, {}),
    ({'a': [1, 2, 3]}, {'$inc': {'a.$': 10}}, {'a': {'$gte': 2}}, {}),
    (None, {'$set': {'a.$': 9}}, {'a': 2}, {'upsert': True}),
    ({'a': {'b': 1}}, {'$set': {'a.$.b': 9}}, {'a.b': 1}, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[]': 9}}, None, {}),
    ({'a': [1, 2, 3]}, {'$inc': {'a.$[]': 1}}, None, {}),
    ({'a': 1}, {'$inc': {'a.$[]': 1}}, None, {}),
    ({}, {'$inc': {'a.$[]': 1}}, None, {}),
    ({'a': [[1], [2]]}, {'$inc': {'a.$[].$[]': 1}}, None, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [{'i': {'$gte': 2}}]}),
    ({'a': [{'b': 1}, {'b': 2}]}, {'$set': {'a.$[i].c': 9}}, None, {'arrayFilters': [{'i.b': 2}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [{'j': 1}, {'i': 1}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [{'i': 1}, {'i': 1}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[I]': 9}}, None, {'arrayFilters': [{'I': 1}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [{'i': 1, 'j': 1}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9, 'a.$[j]': 8}}, None, {'arrayFilters': [{'i': 1}, {'j': 1}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9, 'a.0': 8}}, None, {'arrayFilters': [{'i': 1}]}),
    ({'a': [1, 2, 3]}, {'b': 9}, None, {'arrayFilters': [{'i': 1}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[': 9}}, None, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [{}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [{'$or': [{'i': 1}, {'i': 3}]}]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[]': 9, 'a.1': 7}}, None, {}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [1]}),
    ({'a': [1, 2, 3]}, {'$set': {'a.$[i]': 9}}, None, {'arrayFilters': [{'i': 7}]}),
    ({'a': [{'b': 1}]}, {'$set': {'a.$[].b': 1}}, None, {}),
    ({'a': [1, 2, 3]}, {'$set': {'$[]': 1}}, None, {}),
    ({'a': 1}, [{'$set': {'b': {'$add': ['$a', 1]}}}], None, {}),
    ({'a': 1}, [{'$unset': 'a'}, {'$set': {'c': 1}}], None, {}),
    ({'a': 1}, [{'$replaceWith': {'z': 1}}], None, {}),
    ({'a': 1}, [{'$match': {}}], None, {}),
    ({'a': 1}, [{'$set': {'_id': 4}}], None, {}),
    ({'a': 1}, [], None, {}),
    ({'a': 1}, [{'$project': {'a': 1}}], None, {}),
    ({'a': 1}, [{'$addFields': {'z': '$$NOW'}}], None, {}),
    (None, [{'$set': {'z': 1}}], {'a': 5}, {'upsert': True}),
    ({'a': 1}, [{'$foo': 1}], None, {}),
    ({'a': 1}, 'x', None, {}),
    ({'a': 1}, [{'$set': {'z': 1}}], None, {'arrayFilters': [{'i': 1}]}),
    ({'a': [1]}, {'$set': {'a.-1': 1}}, None, {}),
    ({'a': [1]}, {'$set': {'a.01': 1}}, None, {}),
    ({'a': {'b': 1}}, {'$push': {'a': 1}}, None, {}),
    ({'a': 1}, {'$setOnInsert': {'a': 2}}, None, {}),
    ({'a': 1}, {'$set': {'b': {'$x': 1}}}, None, {}),
    ({'a': 1}, {'b': {'$x': 1}}, None, {}),
    ({'a': 1}, {'$set': {'b': {'_id': 1}}}, None, {}),
    ({'a': 1}, {'$inc': {}}, None, {}),
    ({'a': 1}, {'$set': {'a': Timestamp(0, 0)}}, None, {}),
    ({'a': [1]}, {'$push': {'a': 2}}, None, {}),
    ({}, {'$push': {'a': 2}}, None, {}),
    ({'a': 1}, {'$push': {'a': 2}}, None, {}),
    ({'a': [1]}, {'$push': {'a': {'$each': [2, 3]}}}, None, {}),
    ({'a': [1]}, {'$push': {'a': {'$each': 2}}}, None, {}),
    ({'a': [1]}, {'$push': {'a': {'$each': [5, 0], '$sort': 1}}}, None, {}),
    ({'a': [1, 2, 3]}, {'$push': {'a': {'$each': [], '$slice': -2}}}, None, {}),
    ({'a': [1, 2, 3]}, {'$push': {'a': {'$each': [9], '$position': 1}}}, None, {}),
    ({'a': [1, 2, 3]}, {'$push': {'a': {'$each': [9], '$position': -1}}}, None, {}),
    ({'a': [1, 2, 3]}, {'$push': {'a': {'$each': [9], '$position': 'x'}}}, None, {}),
    ({'a': [1, 2, 3]}, {'$push': {'a': {'$each': [9], '$slice': 'x'}}}, None, {}),
    ({'a': [1, 2, 3]}, {'$push': {'a': {'$each': [9], '$sort': 'x'}}}, None, {}),
    ({'a': [1, 2, 3]}, {'$push': {'a': {'$each': [9], '$sort': 2}}}, None, {}),
    ({'a': [{'b': 2}, {'b': 1}]}, {'$push': {'a': {'$each': [], '$sort': {'b': 1}}}}, None, {}),
    ({'a': [{'b': 2}, {'b': 1}]}, {'$push': {'a': {'$each': [], '$sort': {'b': 3}}}}, None, {}),
    ({'a': [{'b': 2}, {'b': 1}]}, {'$push': {'a': {'$each': [], '$sort': {}}}}, None, {}),
    ({'a': [1]}, {'$push': {'a': {'$each': [2], '$foo': 1}}}, None, {}),
    ({'a': [1]}, {'$push': {'a': {'$slice': 1}}}, None, {}),
    ({'a': [1]}, {'$push': {'a': {'x': 1, '$each': [2]}}}, None, {}),
    ({'a': [1]}, {'$push': {'a': {'$each': [2], 'x': 1}}}, None, {}),
    ({'a': [1]}, {'$push': {'a.b': 1}}, None, {}),
    ({'a': {'b': [1]}}, {'$push': {'a.b': 1}}, None, {}),
    ({'a': None}, {'$push': {'a': 1}}, None, {}),
    ({'a': [1, 2]}, {'$push': {'a': {'$each': []}}}, None, {}),
    ({}, {'$push': {'a': {'$each': []}}}, None, {}),
    ({'a': [1]}, {'$addToSet': {'a': 1}}, None, {}),
    ({'a': [1]}, {'$addToSet': {'a': 1.0}}, None, {}),
    ({'a': [1]}, {'$addToSet': {'a': 2}}, None, {}),
    ({}, {'$addToSet': {'a': 2}}, None, {}),
    ({'a': 1}, {'$addToSet': {'a': 2}}, None, {}),
    ({'a': [1]}, {'$addToSet': {'a': {'$each': [1, 2, 2, 3]}}}, None, {}),
    ({'a': [1]}, {'$addToSet': {'a': {'$each': 1}}}, None, {}),
    ({'a': [{'x': 1, 'y': 2}]}, {'$addToSet': {'a': {'y': 2, 'x': 1}}}, None, {}),
    ({'a': [1]}, {'$addToSet': {'a': {'$each': [1], 'x': 1}}}, None, {}),
    ({'a': [1]}, {'$addToSet': {'a': {'$foo': 1}}}, None, {}),
    ({'a': [1, 2, 1]}, {'$pull': {'a': 1}}, None, {}),
    ({'a': [1, 2, 3]}, {'$pull': {'a': {'$gt': 1}}}, None, {}),
    ({'a': [{'b': 1, 'c': 1}, {'b': 2}]}, {'$pull': {'a': {'b': 1}}}, None, {}),
    ({'a': 1}, {'$pull': {'a': 1}}, None, {}),
    ({}, {'$pull': {'a': 1}}, None, {}),
    ({'a': [1, [1]]}, {'$pull': {'a': 1}}, None, {}),
    ({'a': [[1, 2]]}, {'$pull': {'a': [1, 2]}}, None, {}),
    ({'a': ['ab', 'c']}, {'$pull': {'a': Regex('^a')}}, None, {}),
    ({'a': [{'b': [1, 2]}, {'b': [3]}]}, {'$pull': {'a': {'b': {'$in': [2]}}}}, None, {}),
    ({'a': [1, 2]}, {'$pull': {'a': {'$in': [1]}}}, None, {}),
    ({'a': [1, 2]}, {'$pull': {'a': {'$foo': [1]}}}, None, {}),
    ({'a': [{'b': 1, 'c': 2}]}, {'$pull': {'a': {'c': 2, 'b': 1}}}, None, {}),
    ({'a': [None, 1]}, {'$pull': {'a': None}}, None, {}),
    ({'a': [{'b': 1}]}, {'$pull': {'a': {'$elemMatch': {'b': 1}}}}, None, {}),
    ({'a': [{'b': 1}]}, {'$pull': {'a': {}}}, None, {}),
    ({'a': [[{'b': 1}]]}, {'$pull': {'a': {'b': 1}}}, None, {}),
    ({'a': [1, 2, 1, 3]}, {'$pullAll': {'a': [1, 3]}}, None, {}),
    ({'a': [1]}, {'$pullAll': {'a': 1}}, None, {}),
    ({'a': 1}, {'$pullAll': {'a': [1]}}, None, {}),
    ({}, {'$pullAll': {'a': [1]}}, None, {}),
    ({'a': [1, 2, 3]}, {'$pop': {'a': 1}}, None, {}),
    ({'a': [1, 2, 3]}, {'$pop': {'a': -1}}, None, {}),
    ({'a': [1]}, {'$pop': {'a': 2}}, None, {}),
    ({'a': 1}, {'$pop': {'a': 1}}, None, {}),
    ({}, {'$pop': {'a': 1}}, None, {}),
    ({'a': []}, {'$pop': {'a': 1}}, None, {}),
    ({'a': [1]}, {'$pop': {'a': 'x'}}, None, {}),
    ({'a': [1]}, {'$pop': {'a': 1.0}}, None, {}),
    ({'a': 13}, {'$bit': {'a': {'and': 10}}}, None, {}),
    ({'a': 13}, {'$bit': {'a': {'or': 2}}}, None, {}),
    ({'a': 13}, {'$bit': {'a': {'xor': 1}}}, None, {}),
    ({'a': 13}, {'$bit': {'a': {'xor': 1, 'or': 2}}}, None, {}),
    ({'a': 1.5}, {'$bit': {'a': {'or': 1}}}, None, {}),
    ({}, {'$bit': {'a': {'or': 1}}}, None, {}),
    ({'a': 1}, {'$bit': {'a': {'foo': 1}}}, None, {}),
    ({'a': 1}, {'$bit': {'a': {'or': 1.5}}}, None, {}),
    ({'a': 1}, {'$bit': {'a': 1}}, None, {}),
    ({'a': 1}, {'$bit': {'a': {}}}, None, {}),
    ({'a': 1}, {'$bit': {'a': {'or': Int64(2)}}}, None, {}),
]

PROJECTIONS = [
    {'a': 1},
    {'a': 0},
    {'_id': 0, 'a': 1},
    {'_id': 0},
    {'_id': 1},
    {'a': 1, 'b': 0},
    {'a': 0, 'b': 1},
    {'b.c': 1},
    {'b.c': 0},
    {'e.f': 1},
    {'e.f': 0},
    {'b': {'c': 1}},
    {'b.c': 1, 'b': 1},
    {'b': 1, 'b.c': 1},
    {'b.c': 1, 'b.d': 1},
    {'zz': 1},
    {'a.x': 1},
    {'a': 'x'},
    {'a': '$b.c'},
    {'n': {'$add': ['$a', 1]}},
    {'n': {'$add': ['$a', 1]}, 'a': 1},
    {'n': {'$add': ['$a', 1]}, 'a': 0},
    {'h': {'$slice': 2}},
    {'h': {'$slice': -1}},
    {'h': {'$slice': [1, 2]}},
    {'h': {'$slice': 2}, 'a': 1},
    {'h': {'$slice': 2}, 'a': 0},
    {'e': {'$elemMatch': {'f': 3}}},
    {'e': {'$elemMatch': {'f': 3}}, 'a': 1},
    {'e': {'$elemMatch': {'f': 33}}},
    {'h': {'$slice': 'x'}},
    {'h': {'$slice': [1]}},
    {'h': {'$slice': [1, -1]}},
    {'a': {'$foo': 1}},
    {'$a': 1},
    {'': 1},
    {'a.': 1},
    {'a': None},
    {'a': [1]},
    {'b': {}},
    {'a': True},
    {'a': 1.5},
    {'h': 1, 'a': 1},
    {'e.f': '$a'},
    {'b.z': '$a'},
    {'a.z': '$a'},
    {'x.y': {'$literal': 1}},
    {'_id': 0, 'a': 0, 'b': 0},
    {'_id': 1, 'a': 0},
    {'h': {'$elemMatch': {'$gt': 2}}},
    {'a': {'$literal': 1}},
    {'_id': '$a'},
    {'h': {'$slice': 2}, 'n': {'$add': ['$a', 1]}},
    {'a': {'$meta': 'textScore'}},
    {'b.c': {'$slice': 1}},
    {'b': {'c': 1, 'd': {'$add': [1, 1]}}},
    {'e': {'f': 1}},
]

STAGES = [
    {'$project': {}},
    {'$project': 1},
    {'$project': {'a': 1, 'b': 0}},
    {'$project': {'a': 0, 'n': {'$add': [1]}}},
    {'$project': {'b': 1, 'b.c': 1}},
    {'$project': {'b.c': 1, 'b': 1}},
    {'$project': {'n': '$a', 'a': 1}},
    {'$project': {'h': {'$slice': ['$h', 1]}}},
    {'$addFields': {'a': 2, 'z': {'y': '$a'}}},
    {'$addFields': {'e.z': 1}},
    {'$addFields': {'a.z': 1}},
    {'$addFields': {}},
    {'$set': 1},
    {'$addFields': {'b': '$$REMOVE'}},
    {'$addFields': {'b.c': 5, 'b.q': 1}},
    {'$addFields': {'_id': 7}},
    {'$addFields': {'a': {'$add': [1, 1]}, 'a.b': 1}},
    {'$unset': 'a'},
    {'$unset': ['a', 'b.c']},
    {'$unset': 1},
    {'$unset': []},
    {'$unset': ['a', 'a.b']},
    {'$unset': ''},
    {'$project': {'_id': 0}},
    {'$project': {'a': {'b': 1}}},
    {'$foo': 1},
    {},
    {'$match': 1},
    {'$match': {'$foo': 1}},
    {'$sort': {}},
    {'$sort': 1},
    {'$sort': {'a': 'x'}},
    {'$sort': {'a': 2}},
    {'$limit': 0},
    {'$limit': -1},
    {'$limit': 'x'},
    {'$limit': 1.5},
    {'$skip': -1},
    {'$skip': 'x'},
    {'$skip': 0},
    {'$count': 'n'},
    {'$count': ''},
    {'$count': 1},
    {'$count': '$n'},
    {'$count': 'a.b'},
    {'$unwind': '$h'},
    {'$unwind': '$a'},
    {'$unwind': '$zz'},
    {'$unwind': {'path': '$zz', 'preserveNullAndEmptyArrays': True}},
    {'$unwind': {'path': '$h', 'includeArrayIndex': 'i'}},
    {'$unwind': 'h'},
    {'$unwind': 1},
    {'$unwind': {'path': '$h', 'foo': 1}},
    {'$unwind': {}},
    {'$replaceRoot': {'newRoot': '$b'}},
    {'$replaceRoot': {'newRoot': '$a'}},
    {'$replaceRoot': {'newRoot': '$zz'}},
    {'$replaceRoot': {}},
    {'$replaceRoot': 1},
    {'$replaceWith': '$b'},
    {'$replaceWith': '$a'},
    {'$sortByCount': '$a'},
    {'$sortByCount': 'a'},
    {'$sortByCount': {'$add': ['$a', 1]}},
    {'$sortByCount': 1},
    {'$group': {}},
    {'$group': 1},
    {'$group': {'_id': '$a'}},
    {'$group': {'_id': '$a', 'x': 1}},
    {'$group': {'_id': None, 'x': {'$foo': 1}}},
    {'$group': {'_id': None, 'x': {'$sum': 1, '$avg': 2}}},
    {'$group': {'_id': None, 'x.y': {'$sum': 1}}},
    {'$group': {'_id': None, '$x': {'$sum': 1}}},
    {'$group': {'_id': {'a': '$a', 'z': '$zz'}, 'n': {'$sum': 1}, 'l': {'$push': '$$ROOT.a'}, 'f': {'$first': '$zz'}, 's': {'$addToSet': '$zz'}, 'p': {'$push': '$zz'}, 'm': {'$max': '$zz'}, 'av': {'$avg': '$zz'}, 'c': {'$count': {}}, 'mo': {'$mergeObjects': '$b'}}},
    {'$group': {'_id': None, 'n': {'$sum': ['$a', 1]}}},
    {'$group': {'_id': None, 'n': {'$count': 1}}},
    [{'$match': {'a': 9}}, {'$group': {'_id': None, 'n': {'$sum': 1}}}],
    [{'$match': {'a': 9}}, {'$count': 'n'}],
    {'$project': {'a': 1}, '$match': {}},
    [1],
    {'$sort': {'a': 1, 'b': -1}},
    {'$unwind': {'path': '$e.f'}},
    {'$limit': Int64(1)},
    {'$limit': 1.0},
]

COMMANDS = [
    {'find': 'a', 'filter': 1},
    {'find': 1},
    {'find': ''},
    {'find': 'a', 'limit': 'x'},
    {'find': 'a', 'limit': -1},
    {'find': 'a', 'skip': -1},
    {'find': 'a', 'batchSize': -1},
    {'find': 'a', 'sort': 1},
    {'find': 'a', 'sort': {'a': 'x'}},
    {'find': 'a', 'sort': {'a': 2}},
    {'find': 'a', 'projection': 1},
    {'find': 'a', 'singleBatch': 1},
    {'find': 'a', 'hint': 'foo'},
    {'find': 'a', 'limit': 1.5},
    {'find': 'a'},
    {'find': 'a', 'limit': 0},
    {'find': 'a$b'},
    {'find': '.a'},
    {'find': 'a\x00b'},
    {'find': 'a', 'filter': None},
    {'find': 'a', 'maxTimeMS': -1},
    {'find': 'a', 'let': {'x': 1}, 'filter': {'$expr': {'$eq': ['$a', '$$x']}}},
    {'getMore': 1, 'collection': 'a'},
    {'getMore': Int64(1), 'collection': 'a'},
    {'getMore': Int64(1)},
    {'getMore': Int64(1), 'collection': 'a', 'foo': 1},
    {'killCursors': 'a', 'cursors': [1]},
    {'killCursors': 'a', 'cursors': [Int64(1)]},
    {'killCursors': 'a', 'cursors': []},
    {'killCursors': 'a'},
    {'killCursors': 'a', 'cursors': 1},
    {'insert': 'a'},
    {'insert': 'a', 'documents': 1},
    {'insert': 'a', 'documents': [1]},
    {'insert': 'a', 'documents': [{'a': 1}], 'ordered': 1},
    {'insert': 1, 'documents': [{}]},
    {'insert': '', 'documents': [{}]},
    {'insert': 'a.', 'documents': [{}]},
    {'insert': '$a', 'documents': [{}]},
    {'insert': 'a$b', 'documents': [{}]},
    {'insert': 'system.foo', 'documents': [{}]},
    {'insert': 'a', 'documents': [{'$x': 1}]},
    {'insert': 'a', 'documents': [{'_id': {'$x': 1}}]},
    {'insert': 'a', 'documents': [{'a': {'$x': 1}}]},
    {'insert': 'x' * 250, 'documents': [{'a': 1}]},
    {'insert': 'a', 'documents': [{'_id': 1}, {'_id': 1}, {'_id': 2}]},
    {'insert': 'a2', 'documents': [{'_id': 1}, {'_id': 1}, {'_id': 2}], 'ordered': False},
    {'insert': 'a', 'documents': [{'b': 1, '_id': 77}]},
    {'find': 'a', 'filter': {'_id': 77}},
    {'update': 'a'},
    {'update': 'a', 'updates': []},
    {'update': 'a', 'updates': [1]},
    {'update': 'a', 'updates': [{}]},
    {'update': 'a', 'updates': [{'q': {}}]},
    {'update': 'a', 'updates': [{'q': 1, 'u': {}}]},
    {'update': 'a', 'updates': [{'q': {}, 'u': {}, 'foo': 1}]},
    {'update': 'a', 'foo': 1, 'updates': [{'q': {}, 'u': {}}]},
    {'update': 'a', 'updates': [{'q': {'$foo': 1}, 'u': {}}]},
    {'update': 'nope', 'updates': [{'q': {}, 'u': {'$set': {'a': 1}}}]},
    {'update': 'a', 'updates': [{'q': {}, 'u': {'$set': {'a': 1}}, 'multi': True}]},
    {'update': 'a', 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'_id': 9}}}, {'q': {'_id': 1}, 'u': {'$set': {'z': 9}}}]},
    {'update': 'a', 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'_id': 9}}}, {'q': {'_id': 1}, 'u': {'$set': {'z': 9}}}], 'ordered': False},
    {'update': 'a', 'updates': [{'q': {}, 'u': {}, 'upsert': 1}]},
    {'update': 'a', 'updates': [{'q': {}, 'u': {}, 'upsert': 'x'}]},
    {'delete': 'a'},
    {'delete': 'a', 'deletes': []},
    {'delete': 'a', 'deletes': [{}]},
    {'delete': 'a', 'deletes': [{'q': {}}]},
    {'delete': 'a', 'deletes': [{'q': {}, 'limit': 2}]},
    {'delete': 'a', 'deletes': [{'q': {}, 'limit': 'x'}]},
    {'delete': 'a', 'deletes': [{'q': {'$foo': 1}, 'limit': 1}]},
    {'delete': 'a', 'deletes': [{'q': {'_id': 77}, 'limit': 1}]},
    {'delete': 'a', 'deletes': [{'q': {}, 'limit': 0}], 'foo': 1},
    {'findAndModify': 'a'},
    {'findAndModify': 'a', 'remove': True, 'update': {}},
    {'findAndModify': 'a', 'remove': True, 'new': True},
    {'findAndModify': 'a', 'remove': True, 'upsert': True},
    {'findAndModify': 'a', 'query': {'_id': 1}, 'update': {'$set': {'q': 1}}},
    {'findAndModify': 'a', 'query': {'_id': 1}, 'update': {'$set': {'q': 2}}, 'new': True},
    {'findAndModify': 'a', 'query': {'_id': 99}, 'update': {'$set': {'q': 2}}},
    {'findAndModify': 'a', 'query': {'_id': 99}, 'update': {'$set': {'q': 2}}, 'upsert': True},
    {'findAndModify': 'a', 'query': {'_id': 98}, 'update': {'$set': {'q': 2}}, 'upsert': True, 'new': True, 'fields': {'q': 1}},
    {'findAndModify': 'a', 'query': {'_id': 98}, 'remove': True},
    {'findAndModify': 'a', 'query': {'_id': 98}, 'remove': True},
    {'findAndModify': 'a', 'query': {'_id': 1}, 'update': {'$set': {'_id': 2}}},
    {'findAndModify': 'a', 'query': {'$foo': 1}, 'remove': True},
    {'findAndModify': 'a', 'foo': 1},
    {'findAndModify': 'a', 'query': {}, 'sort': {'_id': -1}, 'update': {'$inc': {'x': 1}}, 'fields': {'_id': 1}},
    {'findAndModify': 'a', 'query': {'a': {'$gt': 1}}, 'update': {'_id': 2}, 'upsert': True},
    {'findandmodify': 'a', 'remove': True},
    {'findAndModify': 'nope', 'query': {}, 'update': {'a': 1}},
    {'count': 'a'},
    {'count': 'a', 'query': {'_id': 1}},
    {'count': 'a', 'limit': 1},
    {'count': 'a', 'skip': 1},
    {'count': 'a', 'limit': -1},
    {'count': 'nope'},
    {'count': 'a', 'query': 1},
    {'count': 'a', 'foo': 1},
    {'count': 'a', 'skip': -1},
    {'count': 'a', 'query': {'$foo': 1}},
    {'distinct': 'a', 'key': '_id'},
    {'distinct': 'a'},
    {'distinct': 'a', 'key': 1},
    {'distinct': 'nope', 'key': 'a'},
    {'distinct': 'a', 'key': 'a', 'foo': 1},
    {'distinct': 'a', 'key': '', 'query': {}},
    {'distinct': 'a', 'key': 'q', 'query': None},
    {'aggregate': 'a'},
    {'aggregate': 'a', 'pipeline': []},
    {'aggregate': 'a', 'pipeline': [], 'cursor': {'batchSize': 1}},
    {'aggregate': 'a', 'pipeline': [], 'cursor': {}},
    {'aggregate': 'a', 'pipeline': 1, 'cursor': {}},
    {'aggregate': 'a', 'pipeline': [1], 'cursor': {}},
    {'aggregate': 1, 'pipeline': [], 'cursor': {}},
    {'aggregate': 'a', 'pipeline': [], 'cursor': {'batchSize': -1}},
    {'aggregate': 'a', 'pipeline': [], 'cursor': 1},
    {'aggregate': 'a', 'pipeline': [], 'cursor': {}, 'foo': 1},
    {'aggregate': 'nope', 'pipeline': [{'$match': {}}], 'cursor': {}},
    {'aggregate': 1, 'pipeline': [{'$match': {}}], 'cursor': {}},
    {'aggregate': 'a', 'pipeline': [], 'cursor': {'foo': 1}},
]

INDEX_COMMANDS = [
    {'createIndexes': 'a'},
    index(),
    index(1),
    index({}),
    index({'key': {'a': 1}}),
    index({'key': {}, 'name': 'x'}),
    index({'key': {'a': 1}, 'name': ''}),
    index({'key': {'a': 1}, 'name': 'a_1'}),
    index({'key': {'a': 1}, 'name': 'a_1'}),
    index({'key': {'a': 1}, 'name': 'other'}),
    index({'key': {'b': 1}, 'name': 'a_1'}),
    index({'key': {'a': 1}, 'name': 'a_1', 'unique': True}),
    index({'key': {'a': 1}, 'name': 'u', 'unique': True}),
    index({'key': {'a': -1}, 'name': 'u', 'unique': True}),
    index({'key': {'a': 0}, 'name': 'u'}),
    index({'key': {'a': 'foo'}, 'name': 'u'}),
    index({'key': {'a': ''}, 'name': 't'}),
    index({'key': {'a': True}, 'name': 't'}),
    index({'key': {'a': 1, 'a.b': 1}, 'name': 't'}),
    index({'key': {'': 1}, 'name': 't'}),
    index({'key': {'$a': 1}, 'name': 't'}),
    index({'key': {'a.': 1}, 'name': 't'}),
    index({'key': {'a': 1}, 'name': 't', 'foo': 1}),
    index({'key': {'_id': 1}, 'name': '_id_'}),
    index({'key': {'_id': 1}, 'name': 'x'}),
    index({'key': {'_id': -1}, 'name': 'x2'}),
    index({'key': {'c': 1}, 'name': 'c_1', 'sparse': True, 'unique': True}),
    index({'key': {'d': 1}, 'name': 'd_1', 'expireAfterSeconds': 10}),
    index({'key': {'d': 1}, 'name': 'd_1', 'expireAfterSeconds': 20}),
    index({'key': {'d': 1, 'e': 1}, 'name': 'de', 'expireAfterSeconds': -1}),
    index({'key': {'d': 1, 'e': 1}, 'name': 'de', 'expireAfterSeconds': 1}),
    index({'key': {'p': 1}, 'name': 'p_1', 'partialFilterExpression': {'p': {'$gt': 1}}}),
    index({'key': {'p': 1}, 'name': 'p_2', 'partialFilterExpression': {'p': {'$ne': 1}}}),
    index({'key': {'q': 1}, 'name': 'q_1', 'background': True}),
    index({'key': {'q1': 1}, 'name': 'q1_1', 'hidden': True}),
    index({'key': {'q2': 1}, 'name': 'q2_1', 'unique': 1}),
    index({'key': {'q3': 1}, 'name': 'q3_1', 'unique': 'x'}),
    index({'key': {'q4': Int64(1)}, 'name': 'q4'}),
    index({'key': {'q5': 1.5}, 'name': 'q5'}),
    index({'key': {'q6': 2}, 'name': 'q6'}),
    index({'key': {'z': 1}, 'name': 'z_1'}, {'key': {'y': 1}, 'name': 'y_1'}),
    index({'key': {'w': 1}, 'name': 'w_1', 'v': 2}),
    index({'key': {'w2': 1}, 'name': 'w2_1', 'v': 3}),
    index({'key': 1, 'name': 'u9'}),
    index({'key': {'u8': 1}, 'name': 1}),
    index({'key': {'u7': 1}, 'name': 'u7'}, foo=1),
    index({'key': {'u6': 1}, 'name': 'u6'}, commitQuorum='majority'),
    {'listIndexes': 'a'},
    {'listIndexes': 'nope'},
    {'listIndexes': 'a', 'cursor': {'batchSize': 2}},
    {'listIndexes': 'a', 'foo': 1},
    {'createIndexes': 'new', 'indexes': [{'key': {'a': 1}, 'name': 'a_1'}]},
    {'dropIndexes': 'a', 'index': 'a_1'},
    {'dropIndexes': 'a', 'index': 'a_1'},
    {'dropIndexes': 'a', 'index': '_id_'},
    {'dropIndexes': 'a', 'index': {'z': 1}},
    {'dropIndexes': 'a', 'index': {'z': 1}},
    {'dropIndexes': 'a', 'index': ['y_1', 'w_1']},
    {'dropIndexes': 'a', 'index': '*'},
    {'dropIndexes': 'nope', 'index': '*'},
    {'dropIndexes': 'a'},
    {'dropIndexes': 'a', 'index': 1},
    {'dropIndexes': 'a', 'index': ['zzz']},
    {'deleteIndexes': 'a', 'index': '*'},
    {'dropIndexes': 'a', 'index': {'_id': 1}},
    {'insert': 'm', 'documents': [{'_id': 1, 'a': [1, 2], 'b': [3]}]},
    {'createIndexes': 'm', 'indexes': [{'key': {'a': 1, 'b': 1}, 'name': 'ab'}]},
    {'createIndexes': 'm2', 'indexes': [{'key': {'a': 1, 'b': 1}, 'name': 'ab'}]},
    {'insert': 'm2', 'documents': [{'_id': 1, 'a': [1, 2], 'b': [3]}]},
    {'createIndexes': 'm3', 'indexes': [{'key': {'a.b': 1}, 'name': 'ab', 'unique': True}]},
    {'insert': 'm3', 'documents': [{'_id': 1, 'a': []}, {'_id': 2}]},
    {'insert': 'm3', 'documents': [{'_id': 3, 'a': [{'b': 1}, {'b': 1}]}, {'_id': 4, 'a': [5]}, {'_id': 5, 'a': [{'b': []}]}, {'_id': 6, 'a': [{'b': 1}]}], 'ordered': False},
    {'createIndexes': 'm4', 'indexes': [{'key': {'a': 1}, 'name': 'a', 'unique': True, 'sparse': True}, {'key': {'b': 1, 'c': 1}, 'name': 'bc', 'unique': True, 'sparse': True}]},
    {'insert': 'm4', 'documents': [{'_id': 1}, {'_id': 2}, {'_id': 3, 'a': None}, {'_id': 4, 'a': None}, {'_id': 5, 'b': 1}, {'_id': 6, 'b': 1}, {'_id': 7, 'c': 1}], 'ordered': False},
    {'insert': 'm4', 'documents': [{'_id': 10, 'a': []}, {'_id': 11, 'a': []}, {'_id': 12, 'a': [1, 1, 2]}, {'_id': 13, 'a': [3, 2]}], 'ordered': False},
    {'create': 'a'},
    {'create': 'cc'},
    {'create': 'cc2', 'foo': 1},
    {'create': ''},
    {'create': '$x'},
    {'listCollections': 1},
    {'listCollections': 1, 'nameOnly': True},
    {'listCollections': 1, 'filter': {'name': 'a'}},
    {'listCollections': 1, 'foo': 1},
    {'drop': 'cc'},
    {'drop': 'cc'},
    {'drop': 1},
    {'drop': 'a', 'foo': 1},
    {'dropDatabase': 1, 'foo': 1},
    {'renameCollection': 'asktest.m', 'to': 'asktest.mm'},
    {'ping': 1},
    {'ping': 1, 'foo': 1},
    {'nope': 1},
    {'Ping': 1},
    {'ismaster': 1},
    {'isMaster': 1},
    {'hello': 1},
    {'endSessions': []},
    {'endSessions': 1},
    {'connectionStatus': 1},
    {'getParameter': 1, 'featureCompatibilityVersion': 1},
    {'dropDatabase': 1},
    {'dropDatabase': 1},
    {'drop': 'x'},
    {'ping': 1, 'writeConcern': {'w': 1}},
    {'insert': 'z', 'documents': [{}], 'writeConcern': {'w': 5}},
    {'insert': 'z', 'documents': [{}], 'writeConcern': {'w': 'majority'}},
    {'insert': 'z', 'documents': [{}], 'writeConcern': 1},
    {'find': 'z', 'readConcern': {'level': 'majority'}},
    {'find': 'z', 'readConcern': {'level': 'foo'}},
    {'find': 'z', 'lsid': {'id': Binary(b'1' * 16, 4)}},
    {'find': 'z', 'lsid': 1},
    {'insert': 'z', 'documents': [{}], 'lsid': {'id': Binary(b'1' * 16, 4)}, 'txnNumber': Int64(1)},
    {'find': 'z', 'apiVersion': '1'},
    {'refreshSessions': []},
    {'killSessions': []},
    {'insert': 'z', 'documents': [{}], 'bypassDocumentValidation': True, 'comment': 'x'},
]

SORTED_VALUES = [
    MinKey(), None, 3, 2.5, Int64(2), Decimal128('2.25'), float('nan'), float('-inf'), float('inf'), -0.0,
    Decimal128('NaN'), Decimal128('-Infinity'), 2 ** 40, Int64(2 ** 62), float(2 ** 62), 'b', 'a', '', 'é', {}, {'a': 1}, {'a': 2},
    {'b': 1}, {'a': 'x'}, {'a': 1, 'b': 1}, [], [1], [1, 2], [[1]], [None], ['x'], b'b', b'aa', Binary(b'a', 5), OID,
    False, True, DAY, datetime.datetime(1960, 1, 1), Timestamp(1, 2), Timestamp(1, 1), Regex('a', 'i'), Regex('a'), Code('x'),
    Code('x', {'a': 1}), MaxKey(), 9007199254740993, 9007199254740992.0, Decimal128('9007199254740993'), 0.1, Decimal128('0.1'),
]

PEOPLE = [
    {'_id': i, 'name': n, 'age': a, 'city': c, 'tags': t, 'score': s} for i, (n, a, c, t, s) in enumerate([
        ('ann', 31, 'oslo', ['a', 'b'], 1.5), ('bob', 25, 'rome', [], 2.5), ('cid', 31, 'rome', ['b'], None),
        ('dan', None, 'oslo', ['c', 'a'], 7), ('eve', 40, None, ['b', 'c', 'a'], Int64(3)), ('fay', 25, 'bonn', ['a'], 0.5)])
]

READS = [
    find(sort={'age': 1, '_id': 1}), find(sort={'age': -1, 'name': -1}), find(sort={'tags': 1, '_id': 1}), find(sort={'tags': -1, '_id': 1}),
    find(sort={'_id': -1}, limit=2), find(sort={'_id': 1}, skip=4), find(sort={'_id': 1}, skip=1, limit=2), find(skip=10),
    find({'age': {'$gte': 25, '$lt': 40}}, sort={'_id': 1}), find({'$or': [{'age': 25}, {'city': 'oslo'}]}, sort={'_id': 1}),
    find({'tags': {'$all': ['a', 'b']}}, sort={'_id': 1}), find({'tags': {'$size': 2}}), find({'name': Regex('^[a-c]')}, sort={'_id': 1}),
    find({'name': Regex('^A', 'i')}), find({'name': {'$regex': 'N$', '$options': 'i'}}, sort={'_id': 1}), find({'city': {'$in': ['rome', None]}}, sort={'_id': 1}),
    find({'city': {'$nin': ['rome', None]}}, sort={'_id': 1}), find({'score': {'$type': 'number'}}, sort={'_id': 1}), find({'score': {'$mod': [2, 1]}}, sort={'_id': 1}),
    find({'$expr': {'$gt': ['$age', '$score']}}, sort={'_id': 1}), find({'_id': {'$in': [3, 1, 5]}}), find({'_id': {'$gt': 2, '$lte': 4}}), find({'_id': {'$ne': 3}}, sort={'_id': 1}),
    find({'$nor': [{'age': 31}, {'city': 'rome'}]}, sort={'_id': 1}), find({'age': {'$not': {'$gt': 30}}}, sort={'_id': 1}), find({'$where': 1} and {'$comment': 'hi', 'age': 40}),
    find(limit=2, singleBatch=True), find(batchSize=2), {'getMore': 'last', 'collection': 'a', 'batchSize': 3}, {'getMore': 'last', 'collection': 'a'}, {'getMore': 'last', 'collection': 'a'},
    find(batchSize=0), {'getMore': 'last', 'collection': 'b'}, {'getMore': 'last', 'collection': 'a'}, find(batchSize=1), {'killCursors': 'a', 'cursors': 'last'}, {'getMore': 'last', 'collection': 'a'},
    find(hint='nope'), find(hint={'_id': 1}), find(hint='_id_'), find(hint={'x': 1}), find(sort={'$natural': -1}), find(sort={'a': 1, 'b': {'$meta': 'x'}}) and find(),
    find({'$expr': {'$eq': ['$age', '$$x']}}, let={'x': 31}, sort={'_id': 1}),
    {'count': 'a', 'query': {'age': 31}}, {'count': 'a', 'query': {'tags': 'a'}, 'skip': 1, 'limit': 2},
    {'distinct': 'a', 'key': 'name'}, {'distinct': 'a', 'key': 'tags'}, {'distinct': 'a', 'key': 'age', 'query': {'city': 'oslo'}}, {'distinct': 'a', 'key': 'nope'}, {'distinct': 'a', 'key': 'tags.0'},
    aggregate({'$match': {'age': {'$gt': 20}}}, {'$group': {'_id': '$city', 'n': {'$sum': 1}, 'avg': {'$avg': '$age'}, 'max': {'$max': '$name'}, 'min': {'$min': '$score'}, 'sum': {'$sum': '$score'}}}, {'$sort': {'_id': 1}}),
    aggregate({'$unwind': '$tags'}, {'$group': {'_id': '$tags', 'who': {'$push': '$name'}, 'first': {'$first': '$name'}, 'last': {'$last': '$name'}}}, {'$sort': {'_id': -1}}),
    aggregate({'$sortByCount': '$age'}, {'$match': {'count': 2}}, {'$sort': {'_id': 1}}), aggregate({'$match': {}}, {'$group': {'_id': 1, 'n': {'$sum': 1}}}), aggregate({'$sort': {'_id': 1}}, {'$skip': 1}, {'$limit': 2}, {'$project': {'name': 1, 'older': {'$add': ['$age', 1]}}}),
    aggregate({'$sort': {'_id': 1}}, {'$addFields': {'who': {'$concat': ['$name', '@', {'$ifNull': ['$city', '?']}]}}}, {'$unset': ['tags', 'score']}), aggregate({'$sort': {'_id': 1}}, {'$out': 'copy'}), find(collection='copy', sort={'_id': 1}),
    aggregate({'$match': {'_id': {'$lt': 2}}}, {'$set': {'age': 99, 'new': 1}}, {'$merge': 'copy'}), find(collection='copy', sort={'_id': 1}), aggregate({'$match': {'_id': 5}}, {'$set': {'_id': 50}}, {'$merge': {'into': 'copy', 'whenMatched': 'replace', 'whenNotMatched': 'discard'}}), {'count': 'copy'},
    aggregate({'$match': {'_id': 5}}, {'$merge': {'into': 'copy', 'whenMatched': 'fail'}}), aggregate({'$match': {'_id': 5}}, {'$merge': {'into': 'copy', 'on': 'name'}}),
    aggregate({'$sort': {'_id': 1}}, cursor={'batchSize': 0}), {'getMore': 'last', 'collection': 'a'},
]

WRITES = [
    insert([{'_id': 1, 'u': 1}, {'_id': 2, 'u': 2}]), index({'key': {'u': 1}, 'name': 'u_1', 'unique': True}),
    insert([{'_id': 3, 'u': 1}]), update({'$set': {'u': 2}}, {'_id': 1}), update({'_id': 1, 'u': 2}, {'_id': 1}), update({'$set': {'u': 9}}, {'_id': 7}, upsert=True), update({'$set': {'u': 9}}, {'_id': 8}, upsert=True),
    {'findAndModify': 'a', 'query': {'_id': 1}, 'update': {'$set': {'u': 2}}}, {'findAndModify': 'a', 'query': {'_id': 55}, 'update': {'$set': {'u': 2}}, 'upsert': True}, {'findAndModify': 'a', 'query': {'_id': 1}, 'update': {'$set': {'_id': 2}}}, {'findAndModify': 'a', 'query': {'_id': 1}, 'update': {'$inc': {'u': 'x'}}}, {'findAndModify': 'a', 'query': {'_id': 1}, 'update': {'$foo': 1}}, {'findAndModify': 'a', 'query': {'_id': 1}, 'update': [{'$set': {'q': {'$add': ['$u', 1]}}}], 'new': True},
    {'findAndModify': 'a', 'query': {'u': {'$gt': 0}}, 'sort': {'u': -1}, 'remove': True, 'fields': {'u': 1, '_id': 0}}, update({'$inc': {'n': 1}}, {}, multi=True), find(sort={'_id': 1}), {'delete': 'a', 'deletes': [{'q': {'u': 1}, 'limit': 1}, {'q': {}, 'limit': 0}]}, {'count': 'a'},
    insert([{'_id': i, 'a': [{'b': i, 'c': [i, i + 1]}]} for i in range(4)], 'm'), index({'key': {'a.b': 1, 'a.c': 1}, 'name': 'bc'}, collection='m'), find({'a.b': 2}, 'm'), find({'a.b': {'$gte': 1}, 'a.c': 3}, 'm', sort={'_id': 1}), find({'a.c': 2}, 'm', sort={'_id': 1}), find({'a.b': {'$gt': 0, '$lt': 2}}, 'm'),
    insert([{'_id': 1, 't': Timestamp(0, 0), 'd': DAY, 'x': MinKey(), 'b': b'1', 'r': Regex('x', 'im'), 'c': Code('f'), 'w': Code('f', {'x': 1}), 'dec': Decimal128('1E+3'), 'n': {'m': [{'o': None}]}}], 'odd'), find(collection='odd', projection={'t': 0}),
    update({'$set': {'a': 1}}, {'a': 5}, 'ups', upsert=True, multi=True), find({}, 'ups', projection={'_id': 0}), insert([{'a': 1}], 'auto'), find(collection='auto'), insert([{'b': 1, '_id': 3, 'a': 1}], 'auto2'), find(collection='auto2'), insert([{'_id': 'x' * 100}, {'_id': None}, {'_id': {'a': 1}}], 'ids'), find(collection='ids', sort={'_id': 1}), find({'_id': {'a': 1.0}}, 'ids'), find({'_id': None}, 'ids'),
    insert([{'big': 'x' * (16 * 1024 * 1024)}]), insert([{'_id': 1, 'big': 'x' * (15 * 1024 * 1024)}], 'big'), update({'$set': {'more': 'x' * (2 * 1024 * 1024)}}, {}, 'big'),
    insert([{'_id': 1, 'a': 1}, {'_id': 2, 'a': 1}], 'dup'), index({'key': {'a': 1}, 'name': 'a_1', 'unique': True}, collection='dup'), {'listIndexes': 'dup'}, insert([{'_id': 1}, {'_id': 2, 'e': 'x'}, {'_id': 3, 'e': 'x'}], 'part'), index({'key': {'e': 1}, 'name': 'e', 'unique': True, 'partialFilterExpression': {'e': {'$gt': 'x'}}}, collection='part'), insert([{'_id': 4, 'e': 'y'}, {'_id': 5, 'e': 'y'}], 'part'),
]

ADMIN = [
    {'ping': 1}, {'listDatabases': 1, 'nameOnly': True, 'filter': {'name': DATABASE}}, insert([{'_id': 1}], 'a') | {'$db': DATABASE}, {'listDatabases': 1, 'nameOnly': True, 'filter': {'name': DATABASE}},
    {'renameCollection': DATABASE + '.a', 'to': DATABASE + '.b'}, find(collection='b') | {'$db': DATABASE}, {'renameCollection': DATABASE + '.nope', 'to': DATABASE + '.zz'}, {'renameCollection': DATABASE + '.b', 'to': DATABASE + '.b'}, {'renameCollection': 'zz', 'to': 'other.zz'},
    insert([{'_id': 9}], 'c') | {'$db': DATABASE}, {'renameCollection': DATABASE + '.b', 'to': DATABASE + '.c'}, {'renameCollection': DATABASE + '.b', 'to': DATABASE + '.c', 'dropTarget': True}, find(collection='c') | {'$db': DATABASE},
    {'getParameter': 1, 'featureCompatibilityVersion': 1}, {'getLog': '*'}, {'atlasVersion': 1}, {'dropDatabase': 1, '$db': DATABASE},
]


def cases():
    yield Case('sort order', insert([{'_id': i, 'v': v} for i, v in enumerate(SORTED_VALUES)]), find(sort={'v': 1, '_id': 1}), find(sort={'v': -1, '_id': 1}),
               index({'key': {'v': 1}, 'name': 'v_1'}), find(sort={'v': 1, '_id': 1}))
    for value in SORTED_VALUES:
        if value == [[1]]:
            continue  # an index over nested arrays makes mongod contradict itself
        for operator in ('$eq', '$gt', '$gte', '$lt', '$lte', '$ne', '$in'):
            argument = [value] if operator == '$in' else value
            if isinstance(value, Regex) and operator != '$eq':
                continue
            yield Case('%s %r' % (operator, value), insert([{'_id': i, 'v': v} for i, v in enumerate(SORTED_VALUES)]), find({'v': {operator: argument}}, sort={'_id': 1}),
                       index({'key': {'v': 1}, 'name': 'v_1'}), find({'v': {operator: argument}}, sort={'_id': 1}))
    for value in SORTED_VALUES:
        yield Case('dup key %r' % (value,), insert([{'_id': value}, {'_id': value}], ordered=False), index({'key': {'v': 1, 'w.x': -1}, 'name': 'vw', 'unique': True}, collection='b'), insert([{'_id': 1, 'v': value}, {'_id': 2, 'v': value}], 'b'))
    yield from (Case('query %r' % query, insert(ODD_DOCUMENTS), find(query, sort={'_id': 1})) for query in QUERIES)
    for expression in EXPRESSIONS:
        yield Case('expression %r' % (expression,), insert([EXPRESSION_DOCUMENT]), aggregate({'$project': {'_id': 0, 'r': expression}}))
        yield Case('$expr %r' % (expression,), insert([EXPRESSION_DOCUMENT]), find({'$expr': expression}, projection={'_id': 1}))
    for document, change, query, options in UPDATES:
        before = [] if document is None else [insert([dict(document, _id=1)], 'u')]
        yield Case('update %r %r %r %r' % (document, change, query, options), *before, update(change, {'_id': 1} if query is None else query, 'u', **options), find(collection='u'))
    for projection in PROJECTIONS:
        yield Case('projection %r' % projection, insert([PROJECTED]), find(projection=projection))
    for projection, query in POSITIONAL:
        yield Case('projection %r of %r' % (projection, query), insert([PROJECTED]), find(query, projection=projection))
    for stages in STAGES:
        yield Case('stages %r' % stages, insert([PROJECTED]), aggregate(*([stages] if isinstance(stages, dict) else stages)))
    yield Case('commands', *COMMANDS)
    yield Case('index commands', insert([{'_id': 1, 'a': 1}, {'_id': 2, 'a': 1, 'b': [1, 2]}]), *INDEX_COMMANDS, unordered=True)
    yield Case('reads', insert(PEOPLE), *READS)
    yield Case('writes', *WRITES)
    yield Case('admin', *ADMIN, database='admin')
    seed, count = (int(part) for part in os.environ.get('SQUALL_DIFFERENTIAL_SEED', '1:200').split(':'))
    yield from (Chance(seed * 1000000 + number).case(number) for number in range(count))


EXPRESSION_DOCUMENT = {
    '_id': 1, 'a': [1, 2, 'x'], 's': 'héllo', 'n': None, 'i': 5, 'l': Int64(5), 'd': 2.5, 'dec': Decimal128('2.50'), 'dt': DAY,
    'o': {'x': 1, 'y': [{'z': 1}, {'z': 2}, 3]}, 'neg': -7, 'big': 2147483647, 'lbig': 9223372036854775807, 'oid': OID}
PROJECTED = {'_id': 1, 'a': 1, 'b': {'c': 1, 'd': 2}, 'e': [{'f': 1, 'g': 2}, {'f': 3}, 5, [{'f': 9}]], 'h': [1, 2, 3, 4]}
POSITIONAL = [
    ({'h.$': 1}, {'h': {'$gt': 2}}), ({'h.$': 1}, {}), ({'e.$': 1}, {'e.f': 3}), ({'h.$': 1, 'a': 1}, {'h': 2}), ({'h.$': 0}, {'h': 2}),
    ({'h.$': 1, 'e.$': 1}, {'h': 2}), ({'e.$.f': 1}, {'e.f': 3}), ({'e.$': 1}, {'e': {'$elemMatch': {'f': 3}}})]


# ---- the same by chance ------------------------------------------------------------------------

class Chance:
    """Documents, queries, updates and pipelines that nobody would think of; the same for a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def scalar(self):
        return self.pick([None, True, False, 0, 1, 2, 3, -1, 1.0, 2.5, Int64(2), Int64(10), Decimal128('2'), Decimal128('2.5'), 'a', 'b', 'ab', '', OID, DAY, Regex('a'), float('nan'), MinKey(), b'x', Timestamp(1, 1)])

    def value(self, depth=0):
        kind = self.random.random()
        if depth > 2 or kind < .6:
            return self.scalar() if self.random.random() < .4 else self.pick([1, 2, 3, 'a', 'b', None])
        if kind < .8:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return self.fields(depth + 1)

    def fields(self, depth=0):
        return {self.pick('abcd') if self.random.random() < .95 else self.pick('012'): self.value(depth) for _ in range(self.random.randrange(4))}

    def path(self):
        parts = [self.pick('abcd') if self.random.random() < .9 or i == 0 else self.pick('012') for i in range(self.pick([1, 1, 1, 2, 2, 3]))]
        return '.'.join(parts)

    def number(self):
        return self.pick([0, 1, 2, 5, -3, 1.5, Int64(7), Decimal128('1.5'), Decimal128('3')])

    def test(self, depth=0):
        value = self.value(1)
        return self.pick([
            lambda: {'$eq': value}, lambda: {'$gt': value}, lambda: {'$gte': value}, lambda: {'$lt': value}, lambda: {'$lte': value}, lambda: {'$ne': value},
            lambda: {'$in': [self.value(1) for _ in range(self.random.randrange(4))]}, lambda: {'$nin': [self.value(1) for _ in range(self.random.randrange(3))]},
            lambda: {'$exists': self.pick([True, False])}, lambda: {'$type': self.pick(['string', 'number', 'array', 'object', 'null', 'int', 'double', 'bool', 16, 'long', 'decimal'])},
            lambda: {'$size': self.random.randrange(4)}, lambda: {'$mod': [self.pick([1, 2, 3]), self.pick([0, 1])]}, lambda: {'$all': [self.value(1) for _ in range(self.random.randrange(3))]},
            lambda: {'$elemMatch': self.query(2) if self.random.random() < .5 else self.test(depth + 1)} if depth < 2 else {'$gt': 1},
            lambda: {'$not': self.test(depth + 1)} if depth < 2 else {'$lt': 1}, lambda: {'$regex': self.pick(['a', '^a', 'b$', 'A', '[ab]+']), '$options': self.pick(['', 'i'])},
            lambda: {'$gt': self.number(), '$lt': self.number()}, lambda: {'$bitsAllSet': self.pick([1, 2, 3])}, lambda: {'$bitsAnyClear': [0, 1]}])()

    def query(self, depth=0):
        query = {}
        for _ in range(self.pick([1, 1, 1, 2])):
            kind = self.random.random()
            if kind < .15 and depth < 2:
                query[self.pick(['$and', '$or', '$nor'])] = [self.query(depth + 1) for _ in range(self.pick([1, 2]))]
            elif kind < .45:
                query[self.path()] = self.value(1)
            else:
                query[self.path()] = self.test()
        return query

    def update(self):
        update = {}
        for _ in range(self.pick([1, 1, 2, 3])):
            operator = self.pick(['$set', '$set', '$unset', '$inc', '$mul', '$min', '$max', '$rename', '$push', '$push', '$addToSet', '$pull', '$pullAll', '$pop', '$bit', '$setOnInsert'])
            argument = {
                '$set': lambda: self.value(1), '$setOnInsert': lambda: self.value(1), '$unset': lambda: '', '$inc': self.number, '$mul': self.number, '$min': lambda: self.value(1), '$max': lambda: self.value(1),
                '$rename': self.path, '$push': lambda: self.pick([self.value(1), {'$each': [self.value(1), self.value(1)], '$slice': self.pick([-2, 0, 2, 5])}, {'$each': [3, 1], '$sort': self.pick([1, -1, {'a': 1}])}, {'$each': [7], '$position': self.pick([0, 1, -1])}]),
                '$addToSet': lambda: self.pick([self.value(1), {'$each': [self.value(1), self.value(1)]}]), '$pull': lambda: self.pick([self.value(1), self.test(1), self.query(2)]), '$pullAll': lambda: [self.value(1)], '$pop': lambda: self.pick([1, -1]),
                '$bit': lambda: {self.pick(['and', 'or', 'xor']): self.pick([1, 6, Int64(5)])}}[operator]()
            path = self.path()
            if operator != '$rename' and self.random.random() < .15:
                path = self.pick('abcd') + '.' + self.pick(['$', '$[]', '$[]', '$[].a', '$.b'])
            update.setdefault(operator, {})[path] = argument
        return update

    def expression(self, depth=0):
        if depth > 2 or self.random.random() < .35:
            return self.pick(['$' + '.'.join(p for p in self.path().split('.') if not p.isdigit() or p == 'x') or '$a', '$a', '$b', 1, 2, 2.5, 'a', {'$literal': self.value(1)}])
        inner = lambda: self.expression(depth + 1)
        return self.pick([
            lambda: {self.pick(['$add', '$multiply', '$concat', '$and', '$or', '$concatArrays', '$setUnion', '$mergeObjects', '$max', '$min', '$sum', '$avg']): [inner(), inner()]},
            lambda: {self.pick(['$subtract', '$divide', '$mod', '$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$cmp', '$arrayElemAt', '$in', '$ifNull', '$split', '$strcasecmp', '$setDifference', '$indexOfArray']): [inner(), inner()]},
            lambda: {self.pick(['$abs', '$ceil', '$floor', '$not', '$type', '$isArray', '$size', '$toString', '$toInt', '$toDouble', '$toBool', '$toUpper', '$strLenCP', '$reverseArray', '$first', '$last', '$sum', '$max', '$objectToArray', '$isNumber', '$trunc', '$round', '$sqrt']): [inner()]},
            lambda: {'$cond': [inner(), inner(), inner()]}, lambda: {'$map': {'input': inner(), 'in': {'v': '$$this', 'w': inner()}}}, lambda: {'$filter': {'input': inner(), 'cond': {'$gt': ['$$this', inner()]}}},
            lambda: {'$slice': [inner(), self.pick([1, 2, -1])]}, lambda: {'x': inner(), 'y': inner()}, lambda: [inner(), inner()]])()

    def stage(self):
        return self.pick([
            lambda: {'$match': self.query()}, lambda: {'$project': {self.path(): self.pick([1, 1, self.expression()]) for _ in range(2)}}, lambda: {'$project': {self.path(): 0}},
            lambda: {'$addFields': {self.pick(['x', 'a', 'b.c', 'a.b']): self.expression()}}, lambda: {'$unset': self.path()}, lambda: {'$unwind': '$' + self.pick('abcd')},
            lambda: {'$unwind': {'path': '$' + self.pick('abcd'), 'preserveNullAndEmptyArrays': True, 'includeArrayIndex': 'i'}}, lambda: {'$sort': {self.path(): self.pick([1, -1]), '_id': 1}},
            lambda: {'$group': {'_id': self.expression(1), 'n': {'$sum': 1}, 's': {'$sum': self.expression(1)}, 'f': {'$first': '$_id'}, 'm': {'$max': '$' + self.pick('abc')}, 'p': {'$push': '$' + self.pick('abc')}}},
            lambda: {'$skip': 1}, lambda: {'$limit': 3}, lambda: {'$count': 'n'}, lambda: {'$replaceWith': {'$ifNull': ['$' + self.pick('abcd'), {'none': 1}]}}])()

    def case(self, number):
        documents = [dict(self.fields(), _id=i) for i in range(5)]
        if self.random.random() < .1:
            documents[1] = dict(documents[1], _id=self.value())
        kind = number % 4
        commands = [insert(documents, ordered=False)]
        if self.random.random() < .3:
            commands.append(index({'key': {self.path(): self.pick([1, -1]) for _ in range(self.pick([1, 2]))}, 'name': 'i', 'unique': self.random.random() < .3, 'sparse': self.random.random() < .3}))
        if kind == 0:
            commands += [find(self.query(), sort={'_id': 1}) for _ in range(4)]
            commands += [find({}, sort={self.path(): self.pick([1, -1]), '_id': 1})]
            if len(commands) == 6:  # with an index, mongod counts a missing field as null
                commands += [{'distinct': 'a', 'key': self.path()}]
            commands += [{'count': 'a', 'query': self.query()}]
        elif kind == 1:
            for _ in range(3):
                options = self.pick([{}, {'multi': True}, {'upsert': True}])
                commands += [update(self.update(), self.query(), **options), find(sort={'_id': 1})]
        elif kind == 2:
            commands += [aggregate({'$sort': {'_id': 1}}, *[self.stage() for _ in range(self.pick([1, 1, 2]))], {'$sort': {'_id': 1}}) for _ in range(3)]
        else:
            commands += [aggregate({'$sort': {'_id': 1}}, {'$project': {'r': self.expression()}}) for _ in range(3)]
            commands += [find({'$expr': self.expression()}, sort={'_id': 1}, projection={'_id': 1})]
            commands += [find({}, sort={'_id': 1}, projection={self.path(): 1, self.path(): 1}), find({}, sort={'_id': 1}, projection={self.path(): 0})]
        # Which of two errors in one expression is found first is nobody's business.
        return Case('random %d' % number, *commands, errors_alike=kind > 1)


# ---- the same through a driver ----------------------------------------------------------------

def client_script(uri):
    """What a small service does, through PyMongo; answers everything it saw."""
    seen = []
    with pymongo.MongoClient(uri) as client:
        client.drop_database(DATABASE)
        users = client[DATABASE].user
        users.create_index('email', unique=True)
        users.create_index([('name', 1), ('age', -1)])
        users.insert_many([{'_id': i, 'name': 'n%d' % (i % 3), 'age': i, 'email': '%d@x' % i} for i in range(300)])
        seen.append(len(list(users.find({'age': {'$gte': 20}}, batch_size=50))))
        try:
            users.insert_one({'email': '7@x'})
        except pymongo.errors.DuplicateKeyError as error:
            seen.append(error.details['keyValue'])
        seen.append(users.update_many({'name': 'n1'}, {'$inc': {'age': 1}}).modified_count)
        seen.append(users.replace_one({'_id': 5}, {'name': 'new', 'email': 'e'}).modified_count)
        seen.append(users.find_one_and_update({'_id': 5}, {'$set': {'z': 1}}, return_document=True))
        seen.append(users.find_one_and_replace({'_id': 6}, {'email': 'r'}))
        seen.append(users.find_one_and_delete({'_id': 7}))
        result = users.bulk_write([pymongo.InsertOne({'_id': 1000, 'email': 'i'}), pymongo.UpdateOne({'_id': 8}, {'$set': {'q': 1}}),
                                   pymongo.DeleteMany({'age': {'$gt': 290}}), pymongo.UpdateOne({'_id': 2000}, {'$set': {'email': 'u'}}, upsert=True)])
        seen.append((result.inserted_count, result.modified_count, result.deleted_count, result.upserted_ids))
        seen.append(users.count_documents({'name': 'n2'}))
        seen.append(users.estimated_document_count())
        seen.append(users.distinct('name', {'name': {'$exists': True}}))
        seen.append(list(users.aggregate([{'$group': {'_id': '$name', 'n': {'$sum': 1}}}, {'$sort': {'_id': 1}}])))
        unacknowledged = users.with_options(write_concern=pymongo.WriteConcern(w=0))
        unacknowledged.insert_one({'_id': 3000, 'email': 'w0'})
        seen.append(users.find_one({'_id': 3000}))
        seen.append(users.index_information())
        users.drop_index('email_1')
        seen.append(sorted(users.index_information()))
        seen.append(client[DATABASE].list_collection_names())
        seen.append(DATABASE in client.list_database_names())
        with client.start_session() as session:
            seen.append(users.find_one({'_id': 1}, session=session))
        users.rename('people')
        seen.append(client[DATABASE].people.count_documents({}))
        users.drop()
        client.drop_database(DATABASE)
        seen.append(client.server_info()['version'])
    return seen


async def motor_script(uri, motor):
    client = motor.AsyncIOMotorClient(uri)
    seen = []
    users = client[DATABASE].user
    await client.drop_database(DATABASE)
    seen.append(await users.create_index([('username', 1)], unique=True))
    await users.insert_many([{'_id': i, 'username': 'u%d' % i} for i in range(250)])
    seen.append(len(await users.find().sort('_id', -1).to_list(None)))
    seen.append((await users.update_one({'_id': 1}, {'$push': {'log': 'x'}})).modified_count)
    seen.append(await users.find_one({'_id': 1}))
    seen.append((await users.delete_many({'_id': {'$lt': 10}})).deleted_count)
    try:
        await users.insert_one({'username': 'u20'})
    except pymongo.errors.DuplicateKeyError as error:
        seen.append(error.code)
    async for user in users.find({'_id': {'$in': [11, 12]}}):
        seen.append(user)
    seen.append([i['name'] async for i in users.list_indexes()])
    await client.drop_database(DATABASE)
    client.close()
    return seen


def scripts(real, ours):
    yield 'PyMongo script', client_script(real.uri), client_script(ours.uri)
    try:
        import motor.motor_asyncio as motor
    except ImportError:
        print('SKIPPED: the Motor script, because motor is not installed')
        return
    yield 'Motor script', asyncio.run(motor_script(real.uri, motor)), asyncio.run(motor_script(ours.uri, motor))


def main(arguments):
    uris = arguments[:2] or [os.environ['SQUALL_MONGODB_URI'], os.environ['SQUALL_EMBEDDED_URI']]
    real, ours = (Server(uri) for uri in uris)
    wanted, different, commands = arguments[2:], 0, 0
    for case in cases():
        if wanted and not any(case.name.startswith(section) for section in wanted):
            continue
        theirs, own = run(case, real), run(case, ours)
        commands += len(theirs)
        for command, expected, actual in zip(case.commands, theirs, own):
            if expected != actual and not (case.errors_alike and failed(expected) and failed(actual)):
                different += 1
                print('DIFFERENT in %s\n  %.300r\n  mongod:   %.1500r\n  embedded: %.1500r' % (case.name[:200], command, expected, actual))
    if not wanted or 'scripts' in wanted:
        for name, expected, actual in scripts(real, ours):
            if expected != actual:
                different += 1
                print('DIFFERENT in %s\n  mongod:   %r\n  embedded: %r' % (name, expected, actual))
    print('%d commands compared, %d differences' % (commands, different))
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
