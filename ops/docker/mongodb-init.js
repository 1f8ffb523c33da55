// Run by mongosh as root, at every start of the stack: makes the replica set and the product's own user, or leaves them.
// Both may exist already; then only the password is brought up to date.

try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] });
}

const deadline = Date.now() + 60000;
while (!db.hello().isWritablePrimary) {
  if (Date.now() > deadline) throw new Error("MongoDB has no primary after a minute: look into its log.");
  sleep(200);
}

const admin = db.getSiblingDB("admin");
const database = process.env.MONGODB_DATABASE;
const user = {
  pwd: process.env.MONGODB_APP_PASSWORD,
  roles: [
    { role: "readWrite", db: database },
    { role: "dbAdmin", db: database },
  ],
};
if (admin.getUser("planwright")) {
  admin.updateUser("planwright", user);
} else {
  admin.createUser({ user: "planwright", ...user });
}
