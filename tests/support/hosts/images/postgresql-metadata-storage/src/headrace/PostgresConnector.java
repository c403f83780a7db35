package headrace;

import com.google.common.base.Supplier;
import com.google.inject.Inject;
import java.sql.SQLException;
import org.apache.commons.dbcp2.BasicDataSource;
import org.apache.druid.metadata.MetadataStorageConnectorConfig;
import org.apache.druid.metadata.MetadataStorageTablesConfig;
import org.apache.druid.metadata.SQLMetadataConnector;
import org.apache.druid.segment.metadata.CentralizedDatasourceSchemaConfig;
import org.skife.jdbi.v2.DBI;
import org.skife.jdbi.v2.Handle;

/** What Postgres calls the types and functions that Druid's tables need. */
public class PostgresConnector extends SQLMetadataConnector {
    private final DBI dbi;

    @Inject
    public PostgresConnector(
            Supplier<MetadataStorageConnectorConfig> config,
            Supplier<MetadataStorageTablesConfig> tables,
            CentralizedDatasourceSchemaConfig schema) {
        super(config, tables, schema);
        BasicDataSource source = getDatasource();
        source.setDriverClassLoader(getClass().getClassLoader());
        source.setDriverClassName("org.postgresql.Driver");
        dbi = new DBI(source);
    }

    @Override
    public DBI getDBI() {
        return dbi;
    }

    @Override
    public String getPayloadType() {
        return "BYTEA";
    }

    @Override
    public String getSerialType() {
        return "BIGSERIAL";
    }

    @Override
    public String getQuoteString() {
        return "\"";
    }

    @Override
    public int getStreamingFetchSize() {
        return 100;
    }

    @Override
    public String limitClause(int limit) {
        return "LIMIT " + limit;
    }

    @Override
    public boolean tableExists(Handle handle, String name) {
        return handle.createQuery("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = :name")
                .bind("name", name.toLowerCase())
                .first() != null;
    }

    /** Whether a new attempt may succeed: the connection was lost, the server lacked resources or was stopped, or transactions collided. */
    @Override
    protected boolean connectorIsTransientException(Throwable error) {
        String state = error instanceof SQLException ? ((SQLException) error).getSQLState() : null;
        return state != null && (state.startsWith("08") || state.startsWith("40") || state.startsWith("53") || state.startsWith("57P"));
    }
}
