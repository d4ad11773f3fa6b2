#!/usr/bin/env python3
"""The same commands to two servers: a real mongod and the embedded store; every reply must be the same.

    differential.py URI_OF_MONGOD URI_OF_EMBEDDED [SECTION ..]
    SQUALL_MONGODB_URI=.. SQUALL_EMBEDDED_URI=.. differential.py

SQUALL_DIFFERENTIAL_SEED=7:5000 chooses another seed, and how many random cases there are.

Owns what may differ between two right answers: times, generated ids, the wording in front of an error. A difference is printed with both replies, and the exit status is 1.
PyMongo is needed (its BSON for the commands, itself for the client script), Motor is used if present.
Read next: `differential_cases.py`, the list; `embedded_differential.rs` starts all this.
"""
import asyncio
import datetime
import math
import os
import re
import socket
import struct
import sys

import bson
from bson import Binary, Int64, ObjectId, Regex
import pymongo

sys.dont_write_bytecode = True  # the two beside this are only read

from differential_cases import (
    ADMIN, COMMANDS, DATABASE, EXPRESSION_DOCUMENT, EXPRESSIONS, GIVEN_IDS, INDEX_COMMANDS, ODD_DOCUMENTS, POSITIONAL,
    PEOPLE, PROJECTED, PROJECTIONS, QUERIES, READS, SORTED_VALUES, STAGES, UPDATES, WRITES, aggregate, find, index, insert, update)
from differential_chance import Chance


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
    for number in range(count):
        kind, commands = Chance(seed * 1000000 + number).commands(number)
        # Which of two errors in one expression is found first is nobody's business.
        yield Case('random %d' % number, *commands, errors_alike=kind > 1)


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
