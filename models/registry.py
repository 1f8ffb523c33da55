"""All documents, and the table of collections that belong to no tenant."""

from __future__ import annotations

from beanie import Document

from models.audit import AuditEvent
from models.budget import BudgetEntry
from models.calendar import CompanyDay
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.cycle import Cycle, Operation
from models.finding import FoundFinding
from models.forecast import Line, Sheet, SnapshotMarker, SnapshotRow, Version, VersionLine
from models.guards import Guard, LoginGuard, RateBucket
from models.idempotency import IdempotencyRecord
from models.imports import ColumnMapping, JournalBatch
from models.job import Job, Mail, StoredFile
from models.product import Product, ProductCost
from models.rate import FxRate
from models.sale import MonthStatus, OrderRollup, RollupState, SaleLine, SalesRollup
from models.session import AuthSession, PasswordRequest, PasswordToken, RefreshToken
from models.tenant import Tenant
from models.user import Delegate, LoginIndex, User

DOCUMENTS: tuple[type[Document], ...] = (
    Tenant,
    User,
    Delegate,
    LoginIndex,
    AuthSession,
    RefreshToken,
    PasswordToken,
    PasswordRequest,
    RateBucket,
    LoginGuard,
    Guard,
    IdempotencyRecord,
    AuditEvent,
    Customer,
    Product,
    ProductCost,
    Assignment,
    MatrixEntry,
    CustomerPrice,
    FxRate,
    CompanyDay,
    SaleLine,
    SalesRollup,
    OrderRollup,
    RollupState,
    MonthStatus,
    Cycle,
    Operation,
    Sheet,
    Line,
    Version,
    VersionLine,
    SnapshotRow,
    SnapshotMarker,
    BudgetEntry,
    JournalBatch,
    ColumnMapping,
    Job,
    Mail,
    StoredFile,
    FoundFinding,
)

GLOBAL_COLLECTIONS: dict[str, str] = {
    "tenants": "what everything else belongs to",
    "login_index": "an e-mail address signs in before the tenant is known",
    "refresh_tokens": "found by hash before the tenant is known",
    "password_tokens": "found by hash before the tenant is known",
    "password_requests": "asked for before anybody looks whether the address exists",
    "rate_buckets": "callers are counted before they are known",
    "login_guards": "attempts are counted before the user is known",
    "fs.files": "GridFS; owned through the tenant collection `files`",
    "fs.chunks": "GridFS",
    "migrations_log": "which migrations have run",
    "system_state": "locks and the heartbeat of workers",
}
